use http::HeaderMap;
use maily_errors::Result;

use super::Keys;
use super::purse::{Amounts, Outcome, Reservation};
use crate::model::{Format, KeyName, ModelName};

/// What a key takes that is no prompt, such as vectors of texts. It is reserved from the start, and spent when this is
/// dropped, however that comes.
///
/// # Examples
///
/// ```
/// use maily_errors::Code;
/// use maily_mesh::layer::limit::Keys;
/// use maily_mesh::{Format, KeyConfig, PriceConfig};
///
/// # tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap().block_on(async {
/// let keys = Keys::default();
/// keys.price(&PriceConfig::new("embed", 0.5, 0.0))?;
/// keys.insert(KeyConfig::new("team-a").with_tokens_per_minute(1_000))?;
///
/// let charge = keys.charge(Some(&"team-a".into()), Format::Chat, Some(&"embed".into()), 900).await?;
/// drop(charge);
/// assert_eq!((keys.usage()[0].tokens, keys.usage()[0].cost_micros), (900, 450));
///
/// let refused = keys.charge(Some(&"team-a".into()), Format::Chat, Some(&"embed".into()), 101).await;
/// assert_eq!(refused.unwrap_err().code(), Code::KeyLimit);
/// # Ok::<(), maily_errors::Error>(()) }).unwrap();
/// ```
#[derive(Debug)]
#[must_use = "what is dropped is spent: nothing is reserved any more"]
pub struct Charge {
    /// None for a caller without a key.
    held: Option<Reservation>,
    format: Format,
}

impl Keys {
    /// Reserves a request and so many tokens of a model, for something that is no prompt. A caller without a key may.
    ///
    /// `format` says which headers its client reads. Without a model the key may ask whatever its models are, and tokens
    /// cost nothing.
    ///
    /// # Errors
    ///
    /// Those of a prompt: [`Code::KeyLimit`], [`Code::BudgetSpent`], [`Code::PromptOverLimit`],
    /// [`Code::ModelNotAllowed`], [`Code::AccountUnreachable`], and [`Code::Unauthorized`] for a key that is not known.
    ///
    /// # Cancellation
    ///
    /// Dropping the future leaves what was drawn for it to the next one.
    ///
    /// [`Code::AccountUnreachable`]: maily_errors::Code::AccountUnreachable
    /// [`Code::BudgetSpent`]: maily_errors::Code::BudgetSpent
    /// [`Code::KeyLimit`]: maily_errors::Code::KeyLimit
    /// [`Code::ModelNotAllowed`]: maily_errors::Code::ModelNotAllowed
    /// [`Code::PromptOverLimit`]: maily_errors::Code::PromptOverLimit
    /// [`Code::Unauthorized`]: maily_errors::Code::Unauthorized
    pub async fn charge(
        &self,
        key: Option<&KeyName>,
        format: Format,
        model: Option<&ModelName>,
        tokens: u64,
    ) -> Result<Charge> {
        let Some(key) = key else { return Ok(Charge { held: None, format }) };
        let purse = self.admit(key, model, format)?;
        let micros = model.map_or(0, |model| self.price_of(model).cost(tokens, 0));
        let need = Amounts { requests: 1, tokens, micros };
        let held = match purse.reserve(need, format)? {
            Outcome::Held(held) => held,
            Outcome::Short(drawing) => purse.wait(need, format, drawing).await?,
        };
        Ok(Charge { held: Some(held), format })
    }
}

impl Charge {
    /// Writes how much the key has left, as an answer to a prompt does.
    pub fn write_headers(&self, headers: &mut HeaderMap) {
        if let Some(held) = &self.held {
            held.purse().write_headers(self.format, headers);
        }
    }

    /// Gives the tokens back: it failed, and nothing was taken but the request.
    pub fn cancel(mut self) {
        if let Some(held) = &mut self.held {
            held.set_used(0, 0);
        }
    }
}
