"use strict";

/** Draws with uPlot, in the colours of the style sheet, with a legend that names each line. */
const charts = (() => {
  const SECONDS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 21600, 43200, 86400, 604800, 2592000];
  const DASHES = [[], [7, 4], [2, 3], [10, 3, 2, 3], [5, 2], [1, 2]];
  const drawn = new Map();

  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

  const clock = (seconds, step) => {
    const iso = new Date(seconds * 1000).toISOString();
    return step >= 86400 ? iso.slice(5, 10) : step >= 60 ? iso.slice(11, 16) : iso.slice(11, 19);
  };

  const span = (seconds) => {
    const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60];
    const rest = Math.round(seconds % 60);
    return [hours && `${hours}h`, minutes && `${minutes}m`, (rest || seconds < 60) && `${rest}s`].filter(Boolean).join("");
  };

  const PATHS = {
    line: uPlot.paths.linear(),
    step: uPlot.paths.stepped({ align: 1 }),
    bars: uPlot.paths.bars({ size: [0.9, 60], align: 1 }),
  };

  function sample(kind, stroke, dash) {
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    for (const [name, value] of Object.entries({ width: 26, height: 10, "aria-hidden": "true" })) svg.setAttribute(name, value);
    const shape = document.createElementNS(svg.namespaceURI, kind === "bars" ? "rect" : "line");
    const look = kind === "bars"
      ? { x: 8, width: 10, height: 10, fill: stroke }
      : { x1: 0, x2: 26, y1: 5, y2: 5, stroke, "stroke-width": 2, "stroke-dasharray": dash.join(" ") };
    for (const [name, value] of Object.entries(look)) shape.setAttribute(name, value);
    svg.append(shape);
    return svg;
  }

  function legend(figure, series) {
    const readings = series.map(() => document.createElement("b"));
    figure.querySelector(".legend").replaceChildren(...series.map((each, number) => {
      const item = document.createElement("li");
      item.append(sample(each.kind, colour(each.colour), each.dash), each.label, " ", readings[number]);
      return item;
    }));
    return (index) => readings.forEach((reading, number) => {
      const value = index == null ? null : series[number].values[index];
      reading.textContent = value == null ? "" : String(Math.round(value * 100) / 100);
    });
  }

  /**
   * Draws a chart, in place of what stood there.
   * series: [{label, values, colour, dash, kind: "line" | "step" | "bars"}], one value for each x.
   */
  function draw(figure, { x, range = [x[0], x.at(-1)], series, height, format, time }) {
    drawn.get(figure)?.plot.destroy();
    const read = legend(figure, series);
    const box = figure.querySelector(".plot");
    const axis = { stroke: colour("quiet"), grid: { stroke: colour("rule"), width: 1 }, ticks: { show: false }, font: "12px system-ui, sans-serif" };
    const plot = new uPlot({
      width: box.clientWidth,
      height,
      legend: { show: false },
      cursor: { y: false, drag: { x: false, y: false }, points: { show: false } },
      tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), "Etc/UTC"),
      padding: [8, 28, 0, 0],
      scales: { x: { time, range }, y: { range: (u, low, high) => [0, Math.max(1, high * 1.08)] } },
      axes: [
        { ...axis, space: 70, size: 30, incrs: SECONDS, values: (u, splits, number, space, step) => splits.map((each) => format(each, step)) },
        { ...axis, size: 48, values: (u, splits) => splits.map((each) => each.toLocaleString("en")) },
      ],
      series: [{}, ...series.map(({ kind, colour: name, dash }) => ({
        stroke: colour(name), width: kind === "bars" ? 0 : 2, dash, fill: kind === "bars" ? colour(name) : undefined,
        paths: PATHS[kind], points: { show: kind === "line" && x.length < 2 }, spanGaps: true,
      }))],
      hooks: { setCursor: [(u) => read(u.cursor.idx)] },
    }, [x, ...series.map((each) => each.values)], box);
    drawn.set(figure, { plot, again: () => draw(figure, { x, range, series, height, format, time }) });
    const totals = series.map((each) => `${each.label}: ${Math.round(each.values.reduce((sum, value) => sum + value, 0) * 100) / 100}`);
    box.setAttribute("role", "img");
    box.setAttribute("aria-label", series[0].kind === "line" ? series.map((each) => each.label).join(", ") : `Chart. In all, ${totals.join(", ")}`);
  }

  /** Says in words why there is nothing to draw. */
  function say(figure, words) {
    drawn.get(figure)?.plot.destroy();
    drawn.delete(figure);
    figure.querySelector(".legend").replaceChildren();
    figure.querySelector(".plot").replaceChildren(words);
  }

  const redraw = () => [...drawn.values()].forEach((each) => each.again());
  for (const query of ["(prefers-color-scheme: dark)", "print"]) matchMedia(query).addEventListener("change", redraw);
  addEventListener("resize", () => drawn.forEach(({ plot }, figure) => {
    plot.setSize({ width: figure.querySelector(".plot").clientWidth, height: plot.height });
  }));

  const figure = (name) => document.getElementById(name);
  const series = (label, values, name, kind, dash = DASHES[0]) => ({ label, values, colour: name, kind, dash });

  /** Draws what happened in one run. */
  function timeline({ began, width, starts, succeeded, stopped, throttled, rate_times: times, rates }) {
    const x = [...starts.keys(), starts.length].map((bin) => began + bin * width);
    const ended = (values) => [...values, values.at(-1)];
    document.querySelectorAll(".per").forEach((each) => { each.textContent = `in each ${span(width)}`; });
    draw(figure("timeline"), {
      x, height: 220, time: true, format: clock,
      series: [
        series("Starts", ended(starts), "line-0", "step"),
        series("Succeeded", ended(succeeded), "line-2", "step", DASHES[1]),
        series("Failed, rejected or drifted", ended(stopped), "failed", "step", DASHES[2]),
      ],
    });
    if (throttled) draw(figure("throttles"), { x, height: 120, time: true, format: clock, series: [series("Throttled", [...throttled, null], "unresolved", "bars")] });
    else say(figure("throttles"), "The ledger has no record of this run’s pace: it was kept by an earlier version, or the run was too short.");
    const lines = Object.entries(rates).map(([label, values], number) => series(label, values, `line-${number}`, "line", DASHES[number]));
    if (lines.length) draw(figure("rates"), { x: times, range: [x[0], x.at(-1)], height: 200, time: true, format: clock, series: lines });
    else say(figure("rates"), "No quota was found to hold the run up.");
  }

  /** Draws how long jobs took. */
  function durations({ bins, step }) {
    const x = [...bins.keys(), bins.length].map((bin) => bin * step);
    draw(figure("durations"), { x, height: 180, time: false, format: span, series: [series("Jobs", [...bins, null], "line-0", "bars")] });
  }

  return { timeline, durations };
})();
