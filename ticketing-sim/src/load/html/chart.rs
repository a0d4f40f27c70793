//! One plot, as SVG.

use std::fmt::Write as _;

use super::{
    escape, push,
    scale::{Scale, label},
};
use crate::load::timeline::{Series, Span};

const WIDTH: f64 = 540.0;
const HEIGHT: f64 = 230.0;
const LEFT: f64 = 46.0;
const RIGHT: f64 = 10.0;
const TOP: f64 = 12.0;
const BOTTOM: f64 = 34.0;
/// More faults than these are marked above the plot only.
const SHADED_MAX: usize = 60;
/// Ticks along an axis, about.
const TICKS_X: usize = 8;
const TICKS_Y: usize = 4;

/// How series are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// Lines over a linear axis.
    Lines,
    /// Lines over a logarithmic axis.
    Logarithmic,
    /// Areas, one upon the other.
    Stacked,
}

/// A plot over the run's time.
#[derive(Debug)]
pub struct Chart<'a> {
    pub title: &'a str,
    pub unit: &'a str,
    pub shape: Shape,
    pub series: &'a [Series],
    /// Which of the colours there are each series has, in turn.
    pub colours: &'a [usize],
    /// The run's length, in seconds.
    pub length: f64,
    pub faults: &'a [Span],
}

impl Chart<'_> {
    /// The plot with its caption. Points further apart than some `slices` are not joined.
    pub fn render(&self, slice: f64) -> String {
        let mut html = format!(
            "<figure>\n<figcaption>{} <small>({})</small></figcaption>\n<div class=\"legend\">",
            escape(self.title),
            escape(self.unit)
        );
        for (number, series) in self.series.iter().enumerate() {
            let (colour, name) = (self.colour(number), escape(&series.name));
            push(&mut html, format_args!("<span><i style=\"background:{colour}\"></i>{name}</span>"));
        }
        push(
            &mut html,
            format_args!(
                "</div>\n<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{}\">\n",
                escape(self.title)
            ),
        );
        let x = Scale::exact(self.length, LEFT, WIDTH - RIGHT);
        let y = self.y();
        self.draw_axes(&mut html, x, y);
        self.draw_faults(&mut html, x);
        match self.shape {
            Shape::Lines | Shape::Logarithmic => self.draw_lines(&mut html, x, y, slice),
            Shape::Stacked => self.draw_areas(&mut html, x, y, slice),
        }
        html.push_str("</svg>\n</figure>\n");
        html
    }

    fn y(&self) -> Scale {
        let (from, to) = (HEIGHT - BOTTOM, TOP);
        let values = || self.series.iter().flat_map(|series| series.points.iter().flatten().map(|(_, value)| *value));
        match self.shape {
            Shape::Lines => Scale::linear(values().fold(0.0, f64::max), from, to),
            Shape::Logarithmic => {
                let least = values().filter(|value| *value > 0.0).fold(f64::INFINITY, f64::min);
                Scale::logarithmic(least.min(1e9), values().fold(0.0, f64::max), from, to)
            }
            Shape::Stacked => {
                let sums = self.stacks().into_iter().filter_map(|stack| stack?.1.last().copied());
                Scale::linear(sums.fold(0.0, f64::max), from, to)
            }
        }
    }

    fn draw_axes(&self, html: &mut String, x: Scale, y: Scale) {
        let (right, base) = (WIDTH - RIGHT, HEIGHT - BOTTOM);
        for tick in y.ticks(TICKS_Y) {
            let at = y.at(tick);
            push(
                html,
                format_args!("<line class=\"grid\" x1=\"{LEFT}\" x2=\"{right}\" y1=\"{at:.1}\" y2=\"{at:.1}\"/>"),
            );
            let (beside, below, text) = (LEFT - 6.0, at + 4.0, label(tick));
            push(html, format_args!("<text x=\"{beside}\" y=\"{below:.1}\" text-anchor=\"end\">{text}</text>\n"));
        }
        draw_time(html, x, LEFT, right, base, TICKS_X);
    }

    fn draw_faults(&self, html: &mut String, x: Scale) {
        for fault in self.faults {
            let (from, to) = (x.at(fault.from), x.at(fault.to));
            let (width, height) = ((to - from).max(1.0), HEIGHT - BOTTOM - TOP);
            let title = format!("{}, {:.1} s to {:.1} s", escape(fault.name), fault.from, fault.to);
            push(html, format_args!("<g><title>{title}</title>"));
            if self.faults.len() <= SHADED_MAX {
                let size = format!("width=\"{width:.1}\" height=\"{height}\"");
                push(html, format_args!("<rect class=\"fault\" x=\"{from:.1}\" y=\"{TOP}\" {size}/>"));
            }
            let above = TOP - 5.0;
            push(
                html,
                format_args!(
                    "<rect class=\"mark\" x=\"{from:.1}\" y=\"{above}\" width=\"{width:.1}\" height=\"4\"/></g>\n"
                ),
            );
        }
    }

    fn draw_lines(&self, html: &mut String, x: Scale, y: Scale, slice: f64) {
        for (number, series) in self.series.iter().enumerate() {
            let mut path = String::new();
            let mut last: Option<f64> = None;
            for point in &series.points {
                let Some((at, value)) = point else {
                    last = None;
                    continue;
                };
                let joined = last.is_some_and(|last| at - last < gap(slice));
                let (word, px, py) = (if joined { 'L' } else { 'M' }, x.at(*at), y.at(*value));
                write!(path, "{word}{px:.1} {py:.1}").expect("a string takes more text");
                if !joined {
                    // A point of its own is to be seen, too.
                    path.push_str("h0.8");
                }
                last = Some(*at);
            }
            let colour = self.colour(number);
            push(html, format_args!("<path class=\"line\" stroke=\"{colour}\" d=\"{path}\"/>\n"));
        }
    }

    /// Areas between the sums, the first series at the bottom.
    fn draw_areas(&self, html: &mut String, x: Scale, y: Scale, slice: f64) {
        let stacks = self.stacks();
        let runs = stacks.split(Option::is_none).flat_map(|run| {
            let whole: Vec<_> = run.iter().flatten().collect();
            let parts = whole.chunk_by(|one, next| next.0 - one.0 < gap(slice));
            parts.map(<[_]>::to_vec).collect::<Vec<_>>()
        });
        for run in runs {
            for number in 0..self.series.len() {
                let over = |stack: &&(f64, Vec<f64>)| (x.at(stack.0), y.at(stack.1[number]));
                let under = |stack: &&(f64, Vec<f64>)| {
                    let below = number.checked_sub(1).map_or(0.0, |below| stack.1[below]);
                    (x.at(stack.0), y.at(below))
                };
                let mut path = String::new();
                for (px, py) in run.iter().map(over).chain(run.iter().rev().map(under)) {
                    let word = if path.is_empty() { 'M' } else { 'L' };
                    write!(path, "{word}{px:.1} {py:.1}").expect("a string takes more text");
                }
                let colour = self.colour(number);
                push(html, format_args!("<path fill=\"{colour}\" fill-opacity=\".75\" d=\"{path}Z\"/>\n"));
            }
        }
    }

    fn colour(&self, number: usize) -> String {
        format!("var(--c{})", self.colours[number % self.colours.len()])
    }

    /// At each time the sums of the first series, of the first two, and so on.
    fn stacks(&self) -> Vec<Option<(f64, Vec<f64>)>> {
        let points = self.series.iter().map(|series| series.points.len()).min().unwrap_or(0);
        let stack = |number: usize| {
            let mut sum = 0.0;
            let mut sums = Vec::with_capacity(self.series.len());
            for series in self.series {
                sum += series.points[number]?.1;
                sums.push(sum);
            }
            Some((self.series.first()?.points[number]?.0, sums))
        };
        (0..points).map(stack).collect()
    }
}

/// The axis of time, from `left` to `right` at the height `base`.
pub fn draw_time(html: &mut String, x: Scale, left: f64, right: f64, base: f64, ticks: usize) {
    push(html, format_args!("<line class=\"axis\" x1=\"{left}\" x2=\"{right}\" y1=\"{base}\" y2=\"{base}\"/>"));
    for tick in x.ticks(ticks) {
        let (at, end, below, text) = (x.at(tick), base + 4.0, base + 16.0, label(tick));
        push(html, format_args!("<line class=\"axis\" x1=\"{at:.1}\" x2=\"{at:.1}\" y1=\"{base}\" y2=\"{end}\"/>"));
        push(html, format_args!("<text x=\"{at:.1}\" y=\"{below}\" text-anchor=\"middle\">{text}</text>\n"));
    }
    let (middle, foot) = (left.midpoint(right), base + 30.0);
    push(
        html,
        format_args!("<text x=\"{middle}\" y=\"{foot}\" text-anchor=\"middle\">seconds since the start</text>\n"),
    );
}

/// Points further apart are not joined.
fn gap(slice: f64) -> f64 {
    (slice * 3.5).max(1.5)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn render(shape: Shape, points: &[Option<(f64, f64)>]) -> String {
        let series = ["sold", "<held>"].map(|name| Series { name: name.to_owned(), points: points.to_vec() });
        let faults = [Span { name: "kill server", from: 1.0, to: 2.0 }];
        let chart = Chart {
            title: "Stock",
            unit: "tickets",
            shape,
            series: &series,
            colours: &[0, 1],
            length: 4.0,
            faults: &faults,
        };
        chart.render(1.0)
    }

    #[test]
    fn a_plot_names_its_unit_its_series_and_its_faults() {
        for shape in [Shape::Lines, Shape::Logarithmic, Shape::Stacked] {
            let html = render(shape, &[Some((1.0, 5.0)), Some((2.0, 9.0)), None, Some((3.0, 1.0))]);
            for part in ["Stock", "(tickets)", "sold", "&lt;held&gt;", "kill server, 1.0 s to 2.0 s", "seconds since"] {
                assert!(html.contains(part), "{part} is not in {html}");
            }
        }
    }

    #[test]
    fn a_gap_in_the_numbers_is_a_gap_in_the_plot() {
        let runs = |points: &[_]| render(Shape::Stacked, points).matches("fill-opacity").count();
        assert_eq!(runs(&[Some((1.0, 5.0)), Some((2.0, 9.0))]), 2);
        assert_eq!(runs(&[Some((1.0, 5.0)), None, Some((2.0, 9.0))]), 4);
        assert_eq!(runs(&[Some((1.0, 5.0)), Some((9.0, 9.0))]), 4);
    }
}
