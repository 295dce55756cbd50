use std::collections::HashMap;

use ahash::RandomState;

use crate::balance::Nodes;
use crate::config::PriceConfig;
use crate::model::ModelName;

/// What tokens of a model cost, in billionths of the currency.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Price {
    input: u64,
    output: u64,
}

/// What models cost.
#[derive(Clone, Debug, Default)]
pub(super) struct Prices {
    listed: HashMap<ModelName, Price, RandomState>,
    /// Whose prices count for the other models.
    nodes: Option<Nodes>,
}

impl Price {
    fn new(input: f64, output: f64) -> Self {
        // The price of a million is that of one in millionths; to billionths it is rounded, never to nothing.
        let each = |price: f64| (price * 1000.0).ceil() as u64;
        Self { input: each(input), output: each(output) }
    }

    /// Returns what so many tokens cost, in millionths, rounded up.
    pub(super) fn cost(self, prompt: u64, answer: u64) -> u64 {
        let billionths =
            u128::from(prompt) * u128::from(self.input) + u128::from(answer) * u128::from(self.output);
        u64::try_from(billionths.div_ceil(1000)).unwrap_or(u64::MAX)
    }
}

impl Prices {
    pub(super) fn list(&mut self, price: &PriceConfig) {
        self.listed.insert(price.model.clone(), Price::new(price.input, price.output));
    }

    pub(super) fn follow(&mut self, nodes: Nodes) {
        self.nodes = Some(nodes);
    }

    /// Returns the price of a model: as it is listed, or that of the dearest node that serves it.
    pub(super) fn of(&self, model: &ModelName) -> Price {
        if let Some(price) = self.listed.get(model) {
            return *price;
        }
        let Some(nodes) = &self.nodes else { return Price::default() };
        // Who asks for the default pays what the model costs that answers.
        let stands_for = (model.as_str() == ModelName::DEFAULT).then(|| nodes.default_model()).flatten();
        if let Some(price) = stands_for.and_then(|model| self.listed.get(&model)) {
            return *price;
        }
        nodes.price(model).map_or_else(Price::default, |price| Price::new(price, price))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_cost_what_the_price_of_a_million_says() {
        let price = Price::new(2.5, 10.0);

        assert_eq!(price.cost(1_000_000, 0), 2_500_000);
        assert_eq!(price.cost(1_000, 100), 3_500);
        assert_eq!(price.cost(1, 0), 3, "rounded up");
        assert_eq!(Price::new(0.0001, 0.0).cost(10_000, 0), 10, "a price is never rounded to nothing");
        assert_eq!(Price::default().cost(u64::MAX, u64::MAX), 0);
        assert_eq!(Price::new(1e6, 1e6).cost(u64::MAX, u64::MAX), u64::MAX);
    }
}
