"use strict";

(async () => {
  const packed = Uint8Array.from(atob(document.getElementById("data").textContent), (letter) => letter.charCodeAt(0));
  const unpacked = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
  const { targets, timelines, durations } = await new Response(unpacked).json();

  document.getElementById("no-script").hidden = true;
  document.querySelectorAll(".drawn").forEach((section) => { section.hidden = false; });
  if (timelines.length) {
    const run = document.getElementById("run");
    const draw = () => charts.timeline(timelines[Number(run.value)]);
    run.addEventListener("change", draw);
    draw();
  }
  if (durations) charts.durations(durations);
  showTargets(targets);
})();
