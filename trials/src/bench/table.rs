//! Rows of figures with their bars.

/// Collects rows, prints them, and knows whether a bar was missed.
#[derive(Default)]
pub struct Table {
    rows: Vec<[String; 5]>,
    missed: usize,
}

/// What a figure must reach.
pub enum Bar {
    /// At least.
    AtLeast(f64),
    /// At most.
    AtMost(f64),
    /// Nothing is asked.
    None,
}

impl Table {
    /// A row: what, our figure, the peer's, and the value that the bar is for.
    pub fn row(&mut self, what: &str, ours: String, peer: String, value: f64, bar: Bar) {
        let (bar, passes) = match bar {
            Bar::AtLeast(least) => (format!("≥ {least}"), Some(value >= least)),
            Bar::AtMost(most) => (format!("≤ {most}"), Some(value <= most)),
            Bar::None => (String::new(), None),
        };
        self.missed += usize::from(passes == Some(false));
        let verdict = passes.map_or("", |passes| if passes { "passes" } else { "MISSED" });
        let value = if passes.is_some() { format!("{value:.2}") } else { String::new() };
        let row = [what.to_owned(), ours, peer, value, format!("{bar} {verdict}").trim().to_owned()];
        println!("| {} |", row.join(" | "));
        self.rows.push(row);
    }

    /// Prints the head.
    pub fn head() {
        println!("| figure | ours | beside it | value | bar |\n| --- | ---: | ---: | ---: | --- |");
    }

    /// How many bars were missed.
    #[must_use]
    pub fn missed(&self) -> usize {
        self.missed
    }
}
