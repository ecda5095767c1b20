"""The JavaScript of the page: tables sort and filter, and a trial that is chosen anywhere is marked everywhere.

Rows have their trial in `data-trial`, points in plotly's `customdata`, and the lines through all decisions in their
first dimension. A learning curve is drawn again in the trace whose `meta` is "chosen". Each row has a button, so that
the keyboard can choose too. To choose a trial again unmarks it. If a chosen trial has no row, a line names it. Without
JavaScript the page shows its tables and texts only.
"""

SCRIPT = """
const plots = () => document.querySelectorAll(".plot");
const rows = () => document.querySelectorAll("tr[data-trial]");

let before = null;

function choose(trial) {
  trial = before = trial === before ? null : trial;
  let listed = trial === null;
  rows().forEach(row => {
    const chosen = row.classList.toggle("chosen", row.dataset.trial === trial);
    row.querySelector("button").setAttribute("aria-pressed", chosen);
    listed ||= chosen;
  });
  document.querySelectorAll(".absent").forEach(line => {
    line.hidden = listed;
    line.textContent = listed ? "" : `Trial ${trial} has no row here; the file trials.csv has it.`;
  });
  plots().forEach(plot => plot.data.forEach((trace, index) => {
    if (trace.type === "parcoords") {
      const near = trial === null ? null : [Number(trial) - 0.4, Number(trial) + 0.4];
      const colours = trial === null ? trace.meta.usual : trace.meta.chosen;
      Plotly.restyle(plot, {"dimensions[0].constraintrange": [near], "line.colorscale": [colours]}, [index]);
    }
    if (!trace.customdata) return;
    const points = [...trace.customdata.keys()].filter(at => String(trace.customdata[at]) === trial);
    Plotly.restyle(plot, {selectedpoints: [points.length ? points : null]}, [index]);
  }));
  plots().forEach(plot => {
    const chosen = plot.data.findIndex(trace => trace.meta === "chosen");
    if (chosen < 0) return;
    const curves = plot.data.filter(trace => trace.mode === "lines" && trace.customdata);
    const of = name => curves.flatMap(trace => trace[name].filter((_, at) => String(trace.customdata[at]) === trial));
    Plotly.restyle(plot, {x: [of("x")], y: [of("y")]}, [chosen]);
  });
}

drawn.then(() => plots().forEach(plot => plot.on("plotly_click", event => {
  const trial = event.points[0].customdata;
  if (trial === undefined) return;
  choose(String(trial));
  const row = document.querySelector(`.every tr[data-trial="${trial}"]`);
  if (row) row.closest(".scroll").scrollTop = row.offsetTop - 60;
})));
rows().forEach(row => row.addEventListener("click", () => choose(row.dataset.trial)));

const number = text => parseFloat(text.replaceAll(",", "").replace("\\u00b1", ""));
function compare(one, other) {
  if (!one || !other) return !one - !other;
  const difference = number(one) - number(other);
  return Number.isNaN(difference) ? one.localeCompare(other) : difference;
}

document.querySelectorAll("thead th").forEach(head => head.firstElementChild.addEventListener("click", () => {
  const falling = head.ariaSort === "ascending";
  head.parentElement.querySelectorAll("th").forEach(each => each.removeAttribute("aria-sort"));
  head.setAttribute("aria-sort", falling ? "descending" : "ascending");
  const body = head.closest("table").tBodies[0];
  const text = row => row.cells[head.cellIndex].textContent.trim();
  const sorted = [...body.rows].sort((one, other) => {
    const order = compare(text(one), text(other));
    return falling && text(one) && text(other) ? -order : order;
  });
  body.append(...sorted);
}));

document.querySelectorAll(".filter input").forEach(input => input.addEventListener("input", () => {
  const wanted = input.value.toLowerCase();
  const every = input.closest(".filter").nextElementSibling;
  const all = [...every.querySelectorAll("tbody tr")];
  all.forEach(row => row.hidden = !row.textContent.toLowerCase().includes(wanted));
  every.querySelector(".none").hidden = !all.every(row => row.hidden);
}));
"""
