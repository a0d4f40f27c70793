//! What broke when: a lane for each kind of fault.

use super::{chart::draw_time, escape, push, scale::Scale};
use crate::load::timeline::Span;

const WIDTH: f64 = 1100.0;
const LEFT: f64 = 170.0;
const RIGHT: f64 = 14.0;
const TOP: f64 = 6.0;
const BOTTOM: f64 = 34.0;
const LANE: f64 = 20.0;
const TICKS: usize = 14;

/// The lanes, as a plot over the run's `length` in seconds.
pub fn render(faults: &[Span], length: f64) -> String {
    let mut names: Vec<_> = faults.iter().map(|fault| fault.name).collect();
    names.sort_unstable();
    names.dedup();
    let height = TOP + LANE * names.len() as f64 + BOTTOM;
    let mut html = format!(
        "<figure>\n<figcaption>Faults <small>(until every server wrote again; of the gateway, \
         until they were repaired)</small></figcaption>\n\
         <svg viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" aria-label=\"Faults\">\n"
    );
    let x = Scale::exact(length, LEFT, WIDTH - RIGHT);
    for (lane, name) in names.iter().enumerate() {
        let top = TOP + LANE * lane as f64;
        let (right, middle, text) = (WIDTH - RIGHT, top + LANE / 2.0, top + LANE / 2.0 + 4.0);
        push(
            &mut html,
            format_args!("<line class=\"grid\" x1=\"{LEFT}\" x2=\"{right}\" y1=\"{middle}\" y2=\"{middle}\"/>"),
        );
        let (beside, name_shown) = (LEFT - 8.0, escape(name));
        push(&mut html, format_args!("<text x=\"{beside}\" y=\"{text}\" text-anchor=\"end\">{name_shown}</text>\n"));
        for fault in faults.iter().filter(|fault| fault.name == *name) {
            let (from, to) = (x.at(fault.from), x.at(fault.to));
            let (width, y, high) = ((to - from).max(2.0), top + 4.0, LANE - 8.0);
            let title = format!("{name_shown}, {:.1} s to {:.1} s", fault.from, fault.to);
            push(
                &mut html,
                format_args!(
                    "<rect class=\"mark\" x=\"{from:.1}\" y=\"{y}\" width=\"{width:.1}\" height=\"{high}\" rx=\"2\">\
                     <title>{title}</title></rect>\n"
                ),
            );
        }
    }
    draw_time(&mut html, x, LEFT, WIDTH - RIGHT, height - BOTTOM, TICKS);
    html.push_str("</svg>\n</figure>\n");
    html
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_fault_has_a_lane_and_every_fault_a_mark() {
        let span = |name, from| Span { name, from, to: from + 1.0 };
        let html = render(&[span("kill server", 1.0), span("pause server", 3.0), span("kill server", 5.0)], 8.0);
        assert_eq!(html.matches("class=\"mark\"").count(), 3);
        assert_eq!(html.matches(">kill server</text>").count(), 1);
        assert!(html.contains("pause server, 3.0 s to 4.0 s"));
    }
}
