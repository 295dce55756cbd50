//! What is generated for people and tools says what the crate does.

use http_body_util::BodyExt as _;
use maily_errors::{Code, Error, OPENAPI_COMPONENTS, Respond};
use serde_json::Value;

/// Status, `Retry-After` and body of an error that is only a code.
async fn answer(code: Code) -> (u16, Option<String>, Value) {
    let response = Respond.respond(&Error::from(code));
    let status = response.status().as_u16();
    let again = response.headers().get("retry-after").map(|value| value.to_str().expect("digits").to_owned());
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, again, serde_json::from_slice(&body).expect("a problem document"))
}

#[tokio::test]
async fn page_of_every_code_shows_its_real_answer() {
    for code in Code::all() {
        let path = format!("{}/../../{}", env!("CARGO_MANIFEST_DIR"), code.docs());
        let page = std::fs::read_to_string(&path).unwrap_or_else(|err| panic!("{path}: {err}"));
        let shown = page.split("```http\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
        let (head, body) = shown.split_once("\n\n").unwrap();
        let again = head.lines().find_map(|line| line.strip_prefix("retry-after: ")).map(str::to_owned);
        let status = head.lines().next().and_then(|line| line.strip_prefix("HTTP/1.1 ")).unwrap();

        let shown = (status.parse().unwrap(), again, serde_json::from_str(body).unwrap());

        assert_eq!(shown, answer(code).await, "{code}");
    }
}

#[tokio::test]
async fn example_of_every_code_in_the_description_is_its_real_answer() {
    let components: Value = serde_json::from_str(OPENAPI_COMPONENTS).unwrap();

    for code in Code::all() {
        let response = &components["responses"][format!("Problem{}", code.http_status())];
        let example = &response["content"]["application/problem+json"]["examples"][code.name()]["value"];

        assert_eq!(example, &answer(code).await.2, "{code}");
    }
}
