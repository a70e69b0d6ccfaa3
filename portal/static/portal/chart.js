// Draws a table of days as columns. Without scripts, or for who doesn't see it, the table is there.
"use strict";
(() => {
  const resolved = (name) => {
    const probe = document.createElement("span");
    probe.className = name;
    document.body.append(probe);
    const found = getComputedStyle(probe).color;
    probe.remove();
    return found;
  };

  function draw(figure) {
    const table = document.getElementById(figure.dataset.chart);
    const rows = [...table.tBodies[0].rows];
    const x = rows.map((row) => Date.parse(row.cells[0].textContent + "T00:00:00Z") / 1000);
    const columns = [...table.tHead.rows[0].cells].slice(1).map((cell, place) => ({
      label: cell.textContent,
      values: rows.map((row) => Number(row.cells[place + 1].dataset.value)),
    }));
    const ink = resolved("text-secondary"), colors = [resolved("chart-one"), resolved("chart-two")];
    const grid = { stroke: resolved("chart-grid"), width: 1 };
    const latest = (values) => values[values.length - 1];  // what the legend says while nobody points at a day
    const axis = { stroke: ink, grid, ticks: { show: false }, font: "12px system-ui", space: 60 };
    figure.replaceChildren();
    new uPlot({
      width: figure.clientWidth,
      height: 220,
      tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), "Etc/UTC"),
      cursor: { drag: { x: false, y: false } },
      scales: { x: { range: (_, from, to) => [from - 43200, to + 43200] }, y: { range: (_, from, to) => [0, Math.max(to * 1.1, 5)] } },
      axes: [
        { ...axis, grid: { show: false }, values: (_, marks) => marks.map((at) => new Date(at * 1000).toISOString().slice(5, 10)) },
        { ...axis, size: 56, values: (_, marks) => marks.map((mark) => (Number.isInteger(mark) ? mark.toLocaleString() : "")) },
      ],
      series: [
        { label: table.tHead.rows[0].cells[0].textContent, value: (_, at) => new Date((at ?? latest(x)) * 1000).toISOString().slice(0, 10) },
        ...columns.map((column, place) => ({
          label: column.label, value: (_, number) => (number ?? latest(column.values)).toLocaleString(), stroke: colors[place], width: 2, fill: place ? undefined : colors[place],
          paths: place ? undefined : uPlot.paths.bars({ size: [0.6, 40] }), points: { show: Boolean(place), size: 6, fill: colors[place] },
        })),
      ],
    }, [x, ...columns.map((column) => column.values)], figure);
  }

  const all = () => document.querySelectorAll("[data-chart]").forEach(draw);
  let waiting = 0;
  const soon = () => { clearTimeout(waiting); waiting = setTimeout(all, 100); };
  all();
  addEventListener("resize", soon);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", soon);
})();
