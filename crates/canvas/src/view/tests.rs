use super::{html, svg};
use crate::model::{Mark, Tone};
use crate::scene::{Color, Element, ElementKind, Geom, Layer, Scene};

const HOSTILE: &str = "</title></style><script>alert('x')</script>\"onload=\"x\u{0}\u{1b}&amp;";

fn element(id: &str, kind: ElementKind, geom: [f64; 4]) -> Element {
    Element {
        id: id.parse().unwrap(),
        kind,
        layer: "base".parse().unwrap(),
        geom: Geom::try_from(geom).unwrap(),
        z: "V".to_owned(),
        text: String::new(),
        src: None,
        alt: String::new(),
        href: None,
        fill: None,
        color: None,
        size: None,
        locked: false,
    }
}

fn scene(elements: Vec<Element>) -> Scene {
    let layer = Layer {
        id: "base".parse().unwrap(),
        name: "Base".to_owned(),
        z: "V".to_owned(),
        visible: true,
        locked: false,
        elements,
    };
    Scene { title: "Title".to_owned(), layers: vec![layer], ..Scene::default() }
}

fn hostile() -> Scene {
    let mut text = element("text", ElementKind::Text, [0.0, 0.0, 100.0, 20.0]);
    text.text = HOSTILE.to_owned();
    let mut button = element("button", ElementKind::Button, [0.0, 40.0, 100.0, 20.0]);
    button.text = HOSTILE.to_owned();
    button.href = Some("https://example.com/?\"><script>".parse().unwrap());
    let mut image = element("image", ElementKind::Image, [0.0, 80.0, 100.0, 20.0]);
    image.alt = HOSTILE.to_owned();
    image.src = Some("https://example.com/a'\"><script>.png".parse().unwrap());
    let mut scene = scene(vec![text, button, image]);
    scene.title = HOSTILE.to_owned();
    scene
}

#[test]
fn hostile_content_becomes_text_in_html() {
    let page = html(&hostile());

    assert!(!page.contains("<script"));
    assert!(!page.contains("\"onload"));
    assert!(!page.contains(['\u{0}', '\u{1b}']));
    assert!(page.contains("&lt;script&gt;"));
    assert!(page.contains("&amp;amp;"));
}

#[test]
fn hostile_content_becomes_text_in_svg() {
    let mark = Mark { element: "text".to_owned(), label: HOSTILE.to_owned(), tone: Tone::Bad };

    let drawing = svg(&hostile(), &[mark]);

    assert!(!drawing.contains("<script"));
    assert!(!drawing.contains("\"onload"));
    assert!(!drawing.contains(['\u{0}', '\u{1b}']));
}

#[test]
fn elements_at_the_same_height_become_columns() {
    let mut left = element("left", ElementKind::Text, [0.0, 10.0, 300.0, 40.0]);
    left.text = "left".to_owned();
    let mut right = element("right", ElementKind::Text, [300.0, 12.0, 300.0, 40.0]);
    right.text = "right".to_owned();
    let mut below = element("below", ElementKind::Text, [0.0, 80.0, 600.0, 40.0]);
    below.text = "below".to_owned();

    let page = html(&scene(vec![below, right, left]));

    assert_eq!(page.matches("class=\"col\" width=\"50%\"").count(), 2);
    let place = |text: &str| page.find(text).unwrap();
    assert!(place(">left<") < place(">right<") && place(">right<") < place(">below<"));
}

#[test]
fn shape_that_covers_others_is_the_colour_behind_them() {
    let mut shape = element("shape", ElementKind::Shape, [0.0, 0.0, 600.0, 100.0]);
    shape.fill = Some(Color::new(0x10, 0x20, 0x30));
    let mut text = element("text", ElementKind::Text, [10.0, 10.0, 300.0, 40.0]);
    text.text = "on it".to_owned();

    let page = html(&scene(vec![shape, text]));

    // Light ink on a dark ground, and both are set.
    assert!(page.contains("color:#ffffff;background-color:#102030"));
}

#[test]
fn every_image_has_an_alt_text() {
    let mut image = element("image", ElementKind::Image, [0.0, 0.0, 100.0, 100.0]);
    image.src = Some("cid:hero@maily".parse().unwrap());

    let page = html(&scene(vec![image]));

    assert!(page.contains("src=\"cid:hero@maily\" alt=\"\""));
}

#[test]
fn invisible_layer_is_left_out() {
    let mut text = element("text", ElementKind::Text, [0.0, 0.0, 100.0, 20.0]);
    text.text = "secret".to_owned();
    let mut scene = scene(vec![text]);
    scene.layers[0].visible = false;

    assert!(!html(&scene).contains("secret"));
    assert!(!svg(&scene, &[]).contains("secret"));
}

#[test]
fn mark_shows_its_tone_without_colour() {
    let shape = element("shape", ElementKind::Shape, [0.0, 0.0, 10.0, 10.0]);
    let mark = Mark { element: "shape".to_owned(), label: "verified".to_owned(), tone: Tone::Good };

    let drawing = svg(&scene(vec![shape]), &[mark]);

    assert!(drawing.contains("<title>verified</title>") && drawing.contains('✓'));
}
