//! A series as a line chart in SVG.

use std::fmt::Write;

use crate::results::Series;

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 400.0;
const LEFT: f64 = 70.0;
const RIGHT: f64 = 150.0;
const TOP: f64 = 40.0;
const BOTTOM: f64 = 50.0;

/// Told apart by people who see few colours, too.
const COLORS: [&str; 6] = [
    "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9",
];

/// From values to places.
struct Axis {
    log: bool,
    least: f64,
    most: f64,
    /// Places of `least` and `most`.
    from: f64,
    to: f64,
}

impl Axis {
    fn new(values: impl Iterator<Item = f64> + Clone, log: bool, from: f64, to: f64) -> Axis {
        let least = values.clone().reduce(f64::min).unwrap_or(0.0);
        let most = values.reduce(f64::max).unwrap_or(1.0);
        let (least, most) = match log {
            true => (
                10f64.powf(least.log10().floor()),
                10f64.powf(most.log10().ceil()),
            ),
            false => (0.0, round_up(most)),
        };
        Axis {
            log,
            least,
            most: if most > least { most } else { least + 1.0 },
            from,
            to,
        }
    }

    fn place(&self, value: f64) -> f64 {
        let scale = |v: f64| if self.log { v.log10() } else { v };
        let part = (scale(value) - scale(self.least)) / (scale(self.most) - scale(self.least));
        self.from + part * (self.to - self.from)
    }

    /// Powers of ten, or five equal steps.
    fn ticks(&self) -> Vec<f64> {
        if !self.log {
            return (0..=5)
                .map(|n| self.least + (self.most - self.least) * f64::from(n) / 5.0)
                .collect();
        }
        let (first, last) = (
            self.least.log10().round() as i32,
            self.most.log10().round() as i32,
        );
        (first..=last).map(|power| 10f64.powi(power)).collect()
    }
}

/// The next of 1, 2, 2.5, 5 times a power of ten.
fn round_up(value: f64) -> f64 {
    if value <= 0.0 {
        return 1.0;
    }
    let power = 10f64.powf(value.log10().floor());
    let step = [1.0, 2.0, 2.5, 5.0, 10.0]
        .into_iter()
        .find(|step| step * power >= value);
    step.unwrap_or(10.0) * power
}

/// `1500000` as `1.5 M`.
fn label(value: f64) -> String {
    let (value, unit) = match value {
        v if v >= 1e6 => (v / 1e6, " M"),
        v if v >= 1e4 => (v / 1e3, " k"),
        v => (v, ""),
    };
    let text = format!("{value:.2}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    format!("{text}{unit}")
}

/// The whole file.
pub fn svg(series: &Series) -> String {
    let points = series.lines.iter().flat_map(|(_, points)| points);
    let x = Axis::new(
        points.clone().map(|p| p.0),
        series.x_log,
        LEFT,
        WIDTH - RIGHT,
    );
    let y = Axis::new(points.map(|p| p.1), series.y_log, HEIGHT - BOTTOM, TOP);
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" \
         font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"white\"/>\n\
         <text x=\"{LEFT}\" y=\"22\" font-size=\"14\">{}</text>\n",
        escape(series.title)
    );
    axes(&mut text, series, &x, &y);
    let mut labels = Vec::new();
    for (n, (name, points)) in series.lines.iter().enumerate() {
        let color = COLORS[n % COLORS.len()];
        line(&mut text, points, color, &x, &y);
        let last = points.last().map_or(TOP, |p| y.place(p.1));
        labels.push((last, name, color));
    }
    names(&mut text, labels);
    text + "</svg>\n"
}

fn axes(text: &mut String, series: &Series, x: &Axis, y: &Axis) {
    let (bottom, right) = (HEIGHT - BOTTOM, WIDTH - RIGHT);
    for tick in x.ticks() {
        let (at, name) = (x.place(tick), label(tick));
        let _ = writeln!(
            text,
            "<path d=\"M{at:.1} {TOP}V{bottom}\" stroke=\"#ddd\"/>\
             <text x=\"{at:.1}\" y=\"{}\" text-anchor=\"middle\">{name}</text>",
            bottom + 16.0
        );
    }
    for tick in y.ticks() {
        let (at, name) = (y.place(tick), label(tick));
        let _ = writeln!(
            text,
            "<path d=\"M{LEFT} {at:.1}H{right}\" stroke=\"#ddd\"/>\
             <text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{name}</text>",
            LEFT - 6.0,
            at + 4.0
        );
    }
    let middle = (LEFT + right) / 2.0;
    let (height, side) = (HEIGHT - 12.0, (TOP + bottom) / 2.0);
    let _ = writeln!(
        text,
        "<path d=\"M{LEFT} {TOP}V{bottom}H{right}\" fill=\"none\" stroke=\"black\"/>\n\
         <text x=\"{middle}\" y=\"{height}\" text-anchor=\"middle\">{}</text>\n\
         <text transform=\"translate(16 {side}) rotate(-90)\" text-anchor=\"middle\">{}</text>",
        escape(series.x),
        escape(series.y)
    );
}

fn line(text: &mut String, points: &[(f64, f64)], color: &str, x: &Axis, y: &Axis) {
    let places = points.iter().map(|p| (x.place(p.0), y.place(p.1)));
    let list: Vec<String> = places
        .clone()
        .map(|(x, y)| format!("{x:.1},{y:.1}"))
        .collect();
    let _ = writeln!(
        text,
        "<polyline points=\"{}\" fill=\"none\" stroke=\"{color}\" stroke-width=\"2\"/>",
        list.join(" ")
    );
    for (x, y) in places {
        let _ = writeln!(
            text,
            "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\" fill=\"{color}\"/>"
        );
    }
}

/// The lines' names beside their ends, moved so that none hides another.
fn names(text: &mut String, mut labels: Vec<(f64, &String, &str)>) {
    labels.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut lowest = TOP;
    for (at, name, color) in labels {
        let at = at.max(lowest);
        lowest = at + 15.0;
        let _ = writeln!(
            text,
            "<text x=\"{}\" y=\"{:.1}\" fill=\"{color}\">{}</text>",
            WIDTH - RIGHT + 8.0,
            at + 4.0,
            escape(name)
        );
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}
