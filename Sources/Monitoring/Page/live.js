// The live page of a run: takes what the coordinator says and shows it. Texts of others are set as text, never as HTML.
"use strict";

(() => {
  const byID = (id) => document.getElementById(id);
  const numbers = new Intl.NumberFormat("en");
  const count = (value) => numbers.format(value);

  function make(tag, attributes, ...children) {
    const node = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes || {})) node.setAttribute(name, value);
    node.append(...children);
    return node;
  }

  function say(node, text) {
    if (node.textContent !== text) node.textContent = text;
  }

  function set(node, name, value) {
    if (node.getAttribute(name) !== value) node.setAttribute(name, value);
  }

  function duration(seconds) {
    if (seconds < 60) return `${Math.round(seconds)} s`;
    if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${Math.floor(seconds % 60)} s`;
    const hours = Math.floor(seconds / 3600);
    if (hours >= 48) return `${Math.floor(hours / 24)} d ${hours % 24} h`;
    return `${hours} h ${String(Math.floor((seconds % 3600) / 60)).padStart(2, "0")} min`;
  }

  function rate(value) {
    return value >= 100 ? count(Math.round(value)) : value.toFixed(value >= 10 ? 1 : 2);
  }

  const percent = (thousandths) => (thousandths / 10).toFixed(1);

  // MARK: Tables

  let tables = [];

  /// Cells of a table, with what they show: `wide` ones their interval, too, `dots` only a colour.
  function makeTable(said, title) {
    const kind = said.benchmark === undefined ? "wide" : said.columns.length > 12 ? "dots" : "plain";
    const table = make("table", { role: "grid", "aria-label": title, "aria-readonly": "true" });
    if (said.model !== undefined) table.append(make("caption", {}, said.model));
    const head = make("tr", {}, make("td"));
    said.columns.forEach((name, place) => {
      head.append(makeHead("col", name, kind !== "dots" || place % 5 === 0));
    });
    table.append(make("thead", {}, head));
    const body = make("tbody");
    const cells = [];
    const rows = [];
    said.rows.forEach((name, place) => {
      const row = make("tr", {}, makeHead("row", name, kind !== "dots" || said.rows.length <= 20 || place % 5 === 0));
      rows.push(row);
      said.columns.forEach((column) => {
        const value = make("b");
        const range = make("small");
        const node = make("td", { class: "cell", tabindex: "-1" });
        if (kind !== "dots") node.append(value);
        if (kind === "wide") node.append(range);
        cells.push({ node, value, range, name: said.columns.length > 1 || kind === "wide" ? `${name}, ${column}` : name });
        row.append(node);
      });
      body.append(row);
    });
    table.append(body);
    const detail = make("p", { class: "detail", "aria-hidden": "true" });
    const made = make("div", { class: `map ${kind}` }, make("div", { class: "scroll" }, table), detail);
    if (said.hidden) made.append(make("p", { class: "quiet" }, `${count(said.hidden)} more models or benchmarks are not shown.`));
    moveByKeys(table, cells, said.columns.length);
    const tell = (event) => {
      const cell = event.target.closest("td.cell");
      say(detail, cell ? cell.getAttribute("aria-label") || "" : "");
    };
    table.addEventListener("pointerover", tell);
    table.addEventListener("focusin", tell);
    table.addEventListener("pointerleave", () => say(detail, ""));
    return { node: made, rows, cells, last: [] };
  }

  /// The head of a row or a column; of many small ones not all are seen.
  function makeHead(scope, name, isSeen) {
    return make("th", { scope }, isSeen ? name : make("span", { class: "unseen" }, name));
  }

  /// One cell of a table is a stop of the tabulator; arrows lead to the others.
  function moveByKeys(table, cells, width) {
    if (cells.length === 0) return;
    let current = 0;
    cells[0].node.tabIndex = 0;
    const goTo = (place) => {
      cells[current].node.tabIndex = -1;
      current = place;
      cells[current].node.tabIndex = 0;
    };
    table.addEventListener("focusin", (event) => {
      const place = cells.findIndex((cell) => cell.node === event.target);
      if (place >= 0) goTo(place);
    });
    table.addEventListener("keydown", (event) => {
      const column = current % width;
      const steps = {
        ArrowLeft: column > 0 ? -1 : 0, ArrowRight: column < width - 1 ? 1 : 0, ArrowUp: -width, ArrowDown: width,
        Home: -column, End: width - 1 - column,
      };
      const step = steps[event.key];
      if (step === undefined) return;
      event.preventDefault();
      if (step === 0 || current + step < 0 || current + step >= cells.length) return;
      goTo(current + step);
      cells[current].node.focus();
    });
  }

  function showTable(table, said) {
    table.cells.forEach((cell, place) => {
      const done = said.done[place];
      const of = said.of ? said.of[place] : 0;
      const lost = said.lost ? said.lost[place] : 0;
      const shown = [done, of, lost, said.images[place], of ? said.share[place] : 0].join();
      if (table.last[place] === shown) return;
      table.last[place] = shown;
      if (done < 0) {
        cell.node.className = "cell none";
        set(cell.node, "aria-label", `${cell.name}: not part of the run`);
        return;
      }
      cell.node.className = `cell${of ? "" : " unjudged"}${lost ? " lossy" : ""}`;
      cell.node.style.setProperty("--done", done / 10);
      const words = [];
      if (of) {
        cell.node.style.setProperty("--share", said.share[place] / 10);
        const ends = [percent(said.low[place]), percent(said.high[place])];
        say(cell.value, percent(said.share[place]));
        say(cell.range, `${ends[0]} to ${ends[1]}`);
        words.push(`${percent(said.share[place])} % correct so far, 95 % interval ${ends[0]} to ${ends[1]}, of ${count(of)} answers`);
      } else {
        say(cell.value, done > 0 ? `${Math.floor(done / 10)} %` : "");
        say(cell.range, done > 0 ? "done" : "");
      }
      words.push(done === 1000 ? `all ${count(said.images[place])} images done` : `${Math.floor(done / 10)} % of ${count(said.images[place])} images done`);
      if (lost) words.push(`${count(lost)} images without a result`);
      set(cell.node, "aria-label", `${cell.name}: ${words.join("; ")}`);
    });
    const width = table.cells.length / table.rows.length;
    // Rows that have nothing, as those of waves whose mirrors are other rows.
    table.rows.forEach((row, place) => { row.hidden = said.done.slice(place * width, (place + 1) * width).every((done) => done < 0); });
  }

  // MARK: Layout

  let layoutText = "";

  function showLayout(text) {
    if (text === layoutText) return;
    const said = JSON.parse(text);
    const own = document.querySelector("meta[name=version]").content;
    if (said.version !== own) return location.reload();
    layoutText = text;
    tables = said.tables.map((table) =>
      makeTable(table, table.benchmark === undefined ? "All models and benchmarks" : [table.model, table.benchmark].filter((name) => name !== undefined).join(" on ")));
    byID("grid").replaceChildren(tables[0].node);
    const sections = [];
    let last;
    said.tables.forEach((table, place) => {
      if (table.benchmark === undefined) return;
      if (!last || last.name !== table.benchmark) {
        last = { name: table.benchmark, maps: make("div", { class: "maps" }) };
        const axes = table.rowAxis === "model" ? `by ${table.columnAxis}` : `by ${table.rowAxis} and ${table.columnAxis}`;
        sections.push(
          make("section", { "aria-label": table.benchmark }, make("h2", {}, table.benchmark, make("span", { class: "quiet" }, ` ${axes}`)), last.maps));
      }
      last.maps.append(tables[place].node);
    });
    byID("maps").replaceChildren(...sections);
    document.querySelector("h1").textContent = said.run;
    run = said.run;
  }

  // MARK: State

  let run = document.querySelector("h1").textContent;
  let state;
  let receivedAt = 0;
  let isConnected = false;
  const phases = {
    starting: "Starting", running: "Running", paused: "Paused: no worker is connected",
    ending: "Stopping: recording what workers have finished", done: "Done", stopped: "Stopped",
  };

  function showState(text) {
    state = JSON.parse(text);
    receivedAt = performance.now();
    byID("live").hidden = false;
    tables.forEach((table, place) => { if (state.tables[place]) showTable(table, state.tables[place]); });
    showOverall();
    showRates();
    showWorkers();
    showFailures();
    showClock();
  }

  const isOver = () => state.phase === "done" || state.phase === "stopped";

  function showOverall() {
    const images = state.images || 0;
    const done = (state.recorded || 0) + (state.lost || 0);
    const share = images > 0 ? (100 * done) / images : 0;
    byID("bar").firstElementChild.style.width = `${share}%`;
    set(byID("bar"), "aria-valuenow", share.toFixed(0));
    say(byID("done"), images ? `${count(done)} of ${count(images)} images, ${share.toFixed(1)} %; ${count(state.shardsRecorded)} of ${count(state.shards)} shards` : "Nothing to show yet.");
    tile("rate", state.rate === undefined || isOver() ? "-" : rate(state.rate), "images/s, last 5 min");
    tile("left", isOver() || !state.left ? "-" : duration(state.left), state.left && !isOver() ? "at that rate" : "");
    const crowd = state.workers;
    tile("crowd", crowd ? count(crowd.total) : "-", crowd && crowd.total ? crowdWords(crowd.counts) : "");
    tile("lost", count(state.lost || 0), state.shardsLost ? `images; ${count(state.shardsLost)} shards set aside` : "images");
    say(byID("counting"), state.counted === undefined || isOver() ? "" : `; being recounted after a restart: ${count(state.counted)} of ${count(state.shardsRecorded)} shards`);
    document.title = `${share.toFixed(0)} % - ${run} - Gauntlet`;
  }

  function crowdWords(counts) {
    return ["computing", "idle", "resting", "silent"].filter((kind) => counts[kind]).map((kind) => `${count(counts[kind])} ${kind}`).join(", ");
  }

  function tile(id, value, remark) {
    const node = byID(id);
    if (node.childNodes.length !== 2) node.replaceChildren(document.createTextNode(""), make("small"));
    if (node.firstChild.nodeValue !== value) node.firstChild.nodeValue = value;
    say(node.lastChild, value === "-" ? "" : remark);
  }

  function showRates() {
    const values = state.rates || [];
    const place = byID("rates");
    if (values.length < 3) return place.replaceChildren();
    const highest = Math.max(...values, 1e-9);
    const points = values.map((value, index) => `${((1000 * index) / (values.length - 1)).toFixed(1)},${(100 - (96 * value) / highest).toFixed(1)}`);
    let svg = place.querySelector("svg");
    if (!svg) {
      svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
      for (const [name, value] of [["viewBox", "0 0 1000 100"], ["preserveAspectRatio", "none"], ["role", "img"]]) svg.setAttribute(name, value);
      for (const kind of ["area", "line"]) {
        const shape = document.createElementNS("http://www.w3.org/2000/svg", kind === "area" ? "polygon" : "polyline");
        shape.setAttribute("class", kind);
        svg.append(shape);
      }
      place.replaceChildren(svg, make("p"));
    }
    svg.firstChild.setAttribute("points", `0,100 ${points.join(" ")} 1000,100`);
    svg.lastChild.setAttribute("points", points.join(" "));
    const words = `Images per second since this coordinator started; highest ${rate(highest)}`;
    set(svg, "aria-label", words);
    say(place.lastChild, words);
  }

  function showWorkers() {
    // Once the run has ended nothing is said of them.
    const said = state.workers || { total: 0, shown: [] };
    const list = byID("workers");
    const hidden = said.total - said.shown.length;
    say(byID("workers-note"), isOver() ? "The run has ended." : said.total === 0 ? "None connected." : hidden > 0 ? `${count(said.shown.length)} of ${count(said.total)} shown, those that need attention first.` : "");
    while (list.children.length > said.shown.length) list.lastChild.remove();
    said.shown.forEach((worker, place) => {
      let row = list.children[place];
      if (!row) {
        row = make("li", {}, make("span", { class: "name" }), make("span", { class: "task" }), make("progress", { max: "1", value: "0" }), make("span", { class: "rate" }), make("span", { class: "heard" }));
        list.append(row);
      }
      const [name, task, progress, speed, heard] = row.children;
      set(row, "data-state", worker.state);
      say(name, worker.name.includes(worker.host) ? worker.name : `${worker.name} on ${worker.host}`);
      const more = worker.held > 1 ? `; ${worker.held - 1} more` : "";
      const words = { silent: "Silent", resting: "Resting after failures", idle: "Waiting for a shard" };
      say(task, worker.state === "computing" ? `${worker.task || "a shard"}, ${count(worker.images || 0)} images${more}` : words[worker.state]);
      progress.hidden = worker.state !== "computing";
      if (progress.value !== (worker.progress || 0)) progress.value = worker.progress || 0;
      set(progress, "aria-label", `${worker.name}: its shard`);
      say(speed, worker.rate === undefined ? "" : `${rate(worker.rate)} images/s`);
      say(heard, `last heard ${duration(worker.silence)} ago`);
    });
  }

  function showFailures() {
    const said = state.failures || [];
    byID("failures-none").hidden = said.length > 0;
    const text = JSON.stringify(said);
    const list = byID("failures");
    if (list.dataset.said === text) return;
    list.dataset.said = text;
    list.replaceChildren(...said.map((failure) => {
      const where = [failure.where, failure.time === undefined ? undefined : new Date(1000 * failure.time).toLocaleTimeString()].filter((word) => word !== undefined).join(", ");
      return make("li", {}, make("b", {}, failure.what), " ", make("span", { class: "quiet" }, where), make("code", {}, failure.reason));
    }));
  }

  /// What changes with time alone.
  function showClock() {
    if (!state) return;
    const now = state.time + (performance.now() - receivedAt) / 1000;
    tile("last", state.last === undefined ? "-" : `${duration(Math.max(0, now - state.last))} ago`, "");
    const phase = byID("phase");
    phase.hidden = false;
    const isOver = state.phase === "done";
    set(phase, "data-phase", isConnected || isOver ? state.phase : "lost");
    const words = phases[state.phase] || state.phase;
    const reason = state.reason ? `: ${state.reason}` : "";
    say(phase, isConnected || isOver ? words + reason : state.phase === "stopped" ? `${words}${reason}` : "Connection lost; retrying");
  }

  // MARK: Connection

  let stream;

  function connect() {
    stream = new EventSource(`events${location.search}`);
    stream.addEventListener("layout", (event) => {
      isConnected = true;
      showLayout(event.data);
    });
    stream.addEventListener("state", (event) => {
      isConnected = true;
      showState(event.data);
      if (state.phase === "done") stream.close();
    });
    stream.addEventListener("error", () => {
      isConnected = false;
      if (!state) {
        say(byID("phase"), "No connection; retrying");
        set(byID("phase"), "data-phase", "lost");
        byID("phase").hidden = false;
      }
      showClock();
      // A browser tries again by itself unless it was refused.
      if (stream.readyState === EventSource.CLOSED && !(state && state.phase === "done")) setTimeout(connect, 5000);
    });
  }

  connect();
  setInterval(showClock, 1000);
})();
