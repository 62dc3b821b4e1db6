"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const find = (id) => document.getElementById(id);
  const UNITS = ["kB", "MB", "GB", "TB", "PB", "EB"];
  const KINDS = { layer: 0, directory: 1, file: 2, rest: 3 };
  const MOST_TILES = 1500;
  const DEEPEST = 6;
  const SHOWN_ROWS = 8;

  // All text comes in by way of text nodes: names of files are nobody's markup.
  function make(tag, properties, ...children) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(properties || {})) {
      if (name === "hue") element.style.setProperty("--hue", String(value));
      else if (name === "on") for (const [event, action] of Object.entries(value)) element.addEventListener(event, action);
      else if (name === "text") element.textContent = value;
      else if (name === "class") element.className = value;
      else element.setAttribute(name, value);
    }
    element.append(...children.filter((child) => child !== null && child !== undefined));
    return element;
  }

  function size(bytes) {
    if (bytes < 1000) return bytes + " B";
    let value = bytes, unit = "B";
    for (const next of UNITS) {
      if (value < 999.5) break;
      value /= 1000;
      unit = next;
    }
    const digits = value < 9.995 ? value.toFixed(2) : value < 99.95 ? value.toFixed(1) : value.toFixed(0);
    return (digits.includes(".") ? digits.replace(/\.?0+$/, "") : digits) + " " + unit;
  }
  const share = (part, whole) => {
    if (!whole || !part) return "0 %";
    const percent = (100 * part) / whole;
    return percent < 0.1 ? "< 0.1 %" : percent.toFixed(percent < 10 ? 1 : 0) + " %";
  };
  const count = (number, one, many) => number.toLocaleString("en") + " " + (number === 1 ? one : many);
  function time(microseconds) {
    const seconds = microseconds / 1e6;
    if (seconds < 0.001) return "< 1 ms";
    if (seconds < 1) return Math.round(seconds * 1000) + " ms";
    if (seconds < 60) return seconds.toFixed(seconds < 10 ? 2 : 1) + " s";
    return Math.floor(seconds / 60) + " min " + Math.round(seconds % 60) + " s";
  }
  // Far from each other where they follow each other, and none like that of waste.
  const HUES = [212, 145, 268, 46, 184, 305, 95, 238, 30, 165, 285, 70];
  const hue = (layer) => HUES[(layer - 1) % HUES.length];
  const layerOf = (number) => data.layers[number - 1];
  const percent = (value) => Math.max(0, Math.min(100, value)).toFixed(3) + "%";

  // ---- what the image is

  find("name").textContent = data.name;
  find("meta").textContent = [data.platform, data.digest].join("  ·  ");
  function figure(name, value, more, bad) {
    find("figures").append(make("div", bad ? { class: "bad" } : {}, make("dt", { text: name }), make("dd", { text: value }, make("small", { text: more }))));
  }
  figure("In the image", size(data.kept), "files of the root filesystem");
  figure("In all layers", size(data.bytes), count(data.layers.length, "layer", "layers"));
  figure("Stored", size(data.stored), "as the layers’ blobs are");
  figure("Wasted", size(data.wasted), share(data.wasted, data.bytes) + " of all layers", data.wasted * 20 > data.bytes);
  figure("Efficiency", (Math.floor(data.efficiency * 1000) / 10).toFixed(1) + " %", "as dive defines it");

  // ---- the tree of sizes

  const nodes = data.nodes.map(([parent, layer, kind, name, bytes, wasted, files, by]) =>
    ({ parent, layer, kind, name, bytes, wasted, files, by, children: [] }));
  const image = { parent: null, layer: 0, kind: KINDS.directory, name: data.name, bytes: data.bytes, wasted: data.wasted, files: 0, by: 0, children: [], top: true };
  for (const node of nodes) {
    node.parent = node.parent < 0 ? image : nodes[node.parent];
    node.parent.children.push(node);
    if (node.parent === image) image.files += node.files;
  }
  const bySize = (one, other) => other.bytes - one.bytes;
  for (const node of [image, ...nodes]) node.children.sort(bySize);

  // The same bytes by directory, whatever layer they are in.
  function merged() {
    const root = { ...image, children: [], directories: new Map() };
    const work = image.children.map((layer) => [layer, root]);
    while (work.length) {
      const [from, to] = work.pop();
      for (const child of from.children) {
        if (child.kind !== KINDS.directory) {
          to.children.push({ ...child, parent: to, children: [] });
          continue;
        }
        let directory = to.directories.get(child.name);
        if (!directory) {
          directory = { ...child, parent: to, bytes: 0, wasted: 0, files: 0, children: [], directories: new Map() };
          to.directories.set(child.name, directory);
          to.children.push(directory);
        }
        // What several layers have has the colour of none.
        if (directory.layer !== child.layer) directory.layer = 0;
        directory.bytes += child.bytes;
        directory.wasted += child.wasted;
        directory.files += child.files;
        work.push([child, directory]);
      }
    }
    const order = [root];
    while (order.length) {
      const node = order.pop();
      node.children.sort(bySize);
      order.push(...node.children);
    }
    return root;
  }
  const roots = { layer: image, directory: null };

  // ---- words for a part of it

  function pathOf(node) {
    const names = [];
    for (let at = node; at && at.parent; at = at.parent) if (at.kind !== KINDS.layer) names.unshift(at.kind === KINDS.rest ? "…" : at.name);
    return "/" + names.join("/") + (node.kind === KINDS.directory && !node.top ? "/" : "");
  }
  // A directory that has nothing but another one is shown as one with it.
  function joined(node) {
    let at = node;
    const names = [node.name];
    while (at.kind === KINDS.directory && at.children.length === 1 && at.children[0].kind === KINDS.directory) {
      at = at.children[0];
      names.push(at.name);
    }
    return [at, names.join("/")];
  }
  function titleOf(node) {
    if (node.top) return node.name;
    if (node.kind === KINDS.layer) return "Layer " + node.layer + "  " + layerOf(node.layer).instruction;
    if (node.kind === KINDS.rest) return count(node.files, "smaller file", "smaller files");
    return node.name;
  }
  function factsOf(node) {
    const facts = [size(node.bytes), share(node.bytes, data.bytes) + " of all layers"];
    if (node.kind !== KINDS.file) facts.push(count(node.files, "file", "files"));
    if (node.layer && node.kind !== KINDS.layer) facts.push("layer " + node.layer);
    if (node.by) facts.push("wasted: deleted or replaced by layer " + node.by);
    else if (node.wasted) facts.push(size(node.wasted) + " wasted");
    return facts.join("  ·  ");
  }

  // ---- the map

  const map = find("map"), tip = find("tip"), status = find("status");
  let current = image, trail = [];

  // Squarified: rows of tiles that are as square as can be (Bruls, Huizing, van Wijk).
  function squarify(children, x, y, width, height) {
    const total = children.reduce((sum, child) => sum + child.bytes, 0);
    const placed = [];
    if (!total || width <= 0 || height <= 0) return placed;
    const scale = (width * height) / total;
    let index = 0;
    while (index < children.length && width > 0.5 && height > 0.5) {
      const side = Math.min(width, height);
      let end = index, area = 0, worst = Infinity;
      while (end < children.length) {
        const next = area + children[end].bytes * scale;
        const ratio = (one) => Math.max((side * side * one) / (next * next), (next * next) / (side * side * one));
        const ratios = Math.max(ratio(children[index].bytes * scale), ratio(children[end].bytes * scale));
        if (ratios > worst) break;
        worst = ratios;
        area = next;
        end += 1;
      }
      const thick = area / side;
      let at = 0;
      for (let i = index; i < end; i += 1) {
        const long = (children[i].bytes * scale) / thick;
        placed.push(width >= height ? [children[i], x, y + at, thick, long] : [children[i], x + at, y, long, thick]);
        at += long;
      }
      if (width >= height) { x += thick; width -= thick; } else { y += thick; height -= thick; }
      index = end;
    }
    return placed;
  }

  function tile(node, title, [x, y, width, height], depth, nested) {
    const into = node.children.length > 0;
    const gone = node.kind === KINDS.file ? node.by > 0 : node.wasted > 0 && node.wasted === node.bytes;
    const classes = ["tile", into ? "into" : "", gone ? "gone" : "", node.layer ? "" : "plain"].filter(Boolean).join(" ");
    const element = make("button", { type: "button", class: classes, hue: node.layer ? hue(node.layer) : 212, tabindex: "-1", "aria-label": title + ", " + factsOf(node) });
    element.style.setProperty("--depth", String(depth));
    element.style.left = x + "px";
    element.style.top = y + "px";
    element.style.width = width + "px";
    element.style.height = height + "px";
    if (width < 34 || height < 16) element.style.padding = "0";
    if (width > 34 && height > 15) {
      element.append(make("span", { text: title }));
      if (width > 110) element.append(make("em", { text: size(node.bytes) }));
    }
    if (node.wasted > 0 && !gone && !nested && height > 10) {
      const part = make("i", { class: "part" });
      part.style.width = percent((100 * node.wasted) / node.bytes);
      element.append(part);
    }
    element.node = node;
    return element;
  }

  function draw() {
    const tiles = [];
    const place = (node, x, y, width, height, depth) => {
      for (const [child, left, top, wide, high] of squarify(node.children.filter((one) => one.bytes > 0), x, y, width, height)) {
        if (wide < 2.5 || high < 2.5 || tiles.length >= MOST_TILES) continue;
        const [shown, names] = joined(child);
        const nested = shown.children.length > 0 && depth + 1 < DEEPEST && wide > 54 && high > 44;
        tiles.push(tile(shown, shown === child ? titleOf(child) : names, [left, top, wide, high], depth, nested));
        if (nested) place(shown, left + 3, top + 19, wide - 6, high - 22, depth + 1);
      }
    };
    const { width, height } = map.getBoundingClientRect();
    place(current, 0, 0, width, height, 0);
    map.replaceChildren(...tiles);
    if (tiles.length) tiles[0].tabIndex = 0;
    else map.append(make("p", { class: "empty", text: "There are no bytes here." }));
    tip.hidden = true;
    status.textContent = (current.kind === KINDS.layer ? "Layer " + current.layer : pathOf(current)) + "  ·  " + factsOf(current);
    const line = [];
    for (let at = current; at; at = at.parent) line.unshift(at);
    find("crumbs").replaceChildren(...line.map((node) => {
      const name = node.top ? "image" : node.kind === KINDS.layer ? "layer " + node.layer : node.name;
      const button = make("button", { type: "button", text: name, title: titleOf(node), on: { click: () => go(node) } });
      if (node === current) button.setAttribute("aria-current", "location");
      return make("li", {}, button);
    }));
    find("back").disabled = trail.length === 0;
    for (const row of document.querySelectorAll("#layers tbody tr")) {
      const layer = current.kind === KINDS.layer || current.layer ? current.layer : 0;
      row.classList.toggle("chosen", Number(row.dataset.layer) === layer);
    }
  }

  function go(node, keepFocus) {
    if (node === current) return;
    trail.push(current);
    current = node;
    draw();
    if (keepFocus && map.firstElementChild) map.firstElementChild.focus();
  }
  function back() {
    if (!trail.length) return;
    const had = map.contains(document.activeElement);
    current = trail.pop();
    setArrangement(rootOf(current) === image ? "layer" : "directory");
    draw();
    if (had && map.firstElementChild) map.firstElementChild.focus();
  }
  const rootOf = (node) => { let at = node; while (at.parent) at = at.parent; return at; };

  function setArrangement(which) {
    for (const name of ["layer", "directory"]) find("by-" + name).setAttribute("aria-pressed", String(name === which));
  }
  function arrange(which) {
    if (which === "directory" && !roots.directory) roots.directory = merged();
    setArrangement(which);
    go(roots[which]);
  }
  find("by-layer").addEventListener("click", () => arrange("layer"));
  find("by-directory").addEventListener("click", () => arrange("directory"));
  find("back").addEventListener("click", back);

  const tileAt = (event) => event.target instanceof Element ? event.target.closest(".tile") : null;
  map.addEventListener("click", (event) => {
    const element = tileAt(event);
    if (!element) return;
    let node = element.node;
    // Of a file, the place that it is in.
    while (node && !node.children.length) node = node.parent;
    if (node && node !== current) go(node, event.detail === 0);
  });
  function showTip(element, x, y) {
    const node = element.node;
    const heading = node.kind === KINDS.layer ? titleOf(node) : pathOf(node);
    tip.replaceChildren(make("span", { class: "path", text: heading }), make("span", { text: factsOf(node) }));
    tip.hidden = false;
    const box = tip.getBoundingClientRect();
    const left = Math.min(x + 14, window.innerWidth - box.width - 8);
    const below = y + 18 + box.height < window.innerHeight;
    tip.style.transform = "translate(" + Math.max(8, left) + "px, " + Math.max(8, below ? y + 18 : y - box.height - 12) + "px)";
  }
  map.addEventListener("pointermove", (event) => {
    const element = tileAt(event);
    if (element && event.pointerType !== "touch") showTip(element, event.clientX, event.clientY);
    else tip.hidden = true;
  });
  map.addEventListener("pointerleave", () => { tip.hidden = true; });
  map.addEventListener("focusin", (event) => {
    const element = tileAt(event);
    if (!element) return;
    for (const other of map.querySelectorAll(".tile[tabindex='0']")) other.tabIndex = -1;
    element.tabIndex = 0;
    if (element.matches(":focus-visible")) {
      const box = element.getBoundingClientRect();
      showTip(element, box.left + Math.min(box.width / 2, 80), box.top + Math.min(box.height / 2, 20));
    }
  });
  map.addEventListener("focusout", () => { tip.hidden = true; });

  const DIRECTIONS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  function neighbour(from, [dx, dy]) {
    const middle = (element) => {
      const box = element.getBoundingClientRect();
      return [box.left + box.width / 2, box.top + Math.min(box.height / 2, 14)];
    };
    const [x, y] = middle(from);
    let best = null, least = Infinity;
    for (const other of map.querySelectorAll(".tile")) {
      if (other === from) continue;
      const [left, top] = middle(other);
      const along = (left - x) * dx + (top - y) * dy;
      const aside = Math.abs((left - x) * dy) + Math.abs((top - y) * dx);
      if (along <= 1) continue;
      const distance = along + 2 * aside;
      if (distance < least) { least = distance; best = other; }
    }
    return best;
  }
  map.addEventListener("keydown", (event) => {
    const from = tileAt(event);
    if (!from) return;
    if (event.key in DIRECTIONS) {
      const next = neighbour(from, DIRECTIONS[event.key]);
      if (next) next.focus();
      event.preventDefault();
    } else if (event.key === "Escape" || event.key === "Backspace") {
      if (trail.length) back();
      event.preventDefault();
    }
  });
  let resized = 0;
  window.addEventListener("resize", () => { cancelAnimationFrame(resized); resized = requestAnimationFrame(draw); });

  function showLayer(number) {
    setArrangement("layer");
    go(image.children.find((node) => node.layer === number) || image);
    find("map-section").scrollIntoView({ block: "start" });
  }

  // ---- the table of layers

  const largest = Math.max(1, ...data.layers.map((layer) => layer.bytes));
  const number = (value, shown, more) => make("td", { class: "number" + (more ? " more" : "") + (value ? "" : " none"), text: value ? shown : "–" });
  function instruction(layer) {
    const [word, ...rest] = layer.instruction.split(" ");
    return [make("b", { text: word }), " " + rest.join(" ")];
  }
  for (const layer of data.layers) {
    const meter = make("div", { class: "meter", hue: hue(layer.number) }, make("i", {}), make("i", { class: "gone" }));
    meter.title = size(layer.kept) + " kept, " + size(layer.wasted) + " wasted";
    meter.children[0].style.width = percent((100 * layer.kept) / largest);
    meter.children[1].style.width = percent((100 * layer.wasted) / largest);
    const wasted = number(layer.wasted, size(layer.wasted));
    if (layer.wasted) wasted.classList.add("wasted");
    const row = make("tr", { "data-layer": String(layer.number) },
      make("td", { class: "number" }, make("span", { class: "chip", hue: hue(layer.number), text: String(layer.number) })),
      make("td", { class: "instruction" }, make("button", { type: "button", title: layer.instruction, on: { click: () => showLayer(layer.number) } }, ...instruction(layer))),
      make("td", { class: "bar" }, meter),
      number(layer.bytes, size(layer.bytes)), wasted,
      number(layer.added, layer.added.toLocaleString("en"), true),
      number(layer.changed, layer.changed.toLocaleString("en"), true),
      number(layer.hidden, layer.hidden.toLocaleString("en"), true));
    find("layers").tBodies[0].append(row);
  }
  if (!data.layers.length) find("layers").replaceWith(make("p", { class: "empty", text: "The image has no layers." }));

  // ---- lists of paths

  function list(id, items, empty, row) {
    const rows = items.map(row);
    find(id).append(...rows);
    if (rows.length > SHOWN_ROWS + 2) {
      for (const one of rows.slice(SHOWN_ROWS)) one.hidden = true;
      const all = make("button", { type: "button", class: "all", text: "Show all " + rows.length });
      all.addEventListener("click", () => {
        for (const one of rows) one.hidden = false;
        rows[SHOWN_ROWS].tabIndex = -1;
        rows[SHOWN_ROWS].focus();
        all.parentElement.remove();
      });
      find(id).append(make("li", {}, all));
    }
    if (!items.length) find(id).append(make("li", { class: "empty", text: empty }));
  }
  const pathRow = (item, where, gone) => make("li", {},
    make("span", { class: "path" + (gone ? " gone" : ""), text: item.path }),
    make("span", { class: "bytes", text: size(item.bytes) }),
    make("span", { class: "where" }, make("span", { class: "chip", hue: hue(item.layer), text: String(item.layer) }), where));
  list("waste", data.waste, "Nothing is wasted.", (item) => {
    const files = item.files > 1 ? count(item.files, "file", "files") + ", " : "";
    const how = item.how === "replaced" ? "replaced" : "deleted";
    const by = item.hidden_by === item.layer ? " by a later entry of the same layer" : " by layer " + item.hidden_by + ": " + layerOf(item.hidden_by).instruction.slice(0, 60);
    return pathRow(item, " " + files + how + by);
  });
  list("biggest", data.biggest, "There are no files.", (item) =>
    pathRow(item, item.hidden_by ? " wasted: deleted or replaced by layer " + item.hidden_by : " " + layerOf(item.layer).instruction.slice(0, 60), item.hidden_by));

  // ---- the build

  function timeline(build) {
    const total = Math.max(1, build.elapsed);
    const started = new Date(build.started * 1000);
    find("time-meta").textContent = time(build.elapsed) + " on " + started.toISOString().slice(0, 16).replace("T", " ") + " UTC  ·  " + build.command;
    const axis = make("div", { class: "axis", "aria-hidden": "true" });
    for (const part of [0, 0.25, 0.5, 0.75, 1]) {
      const mark = make("span", { text: part ? time(total * part) : "0" });
      mark.style.left = percent(100 * part);
      axis.append(mark);
    }
    const rows = build.steps.map((step) => {
      const kind = step.kind === "ran" ? (step.layer ? "" : "other") : step.kind;
      const bar = make("i", { class: kind, hue: step.layer ? hue(step.layer) : 212 });
      bar.style.left = percent((100 * step.begin) / total);
      bar.style.width = percent((100 * Math.min(step.elapsed, total - step.begin)) / total);
      const detail = make("div", { class: "detail", hidden: "" },
        make("code", { text: step.name }),
        "began after " + time(step.begin) + ", took " + time(step.elapsed) + (step.kind === "cached" ? ", from the cache" : ""),
        step.layer ? make("span", {}, "  ·  ", make("button", { type: "button", class: "go", text: "layer " + step.layer, on: { click: () => showLayer(step.layer) } })) : null);
      const button = make("button", { type: "button", "aria-expanded": "false" },
        make("span", { class: "step", text: step.name, title: step.name }),
        make("span", { class: "track" }, bar),
        make("span", { class: "took", text: step.kind === "cached" ? "cached" : time(step.elapsed) }));
      button.addEventListener("click", () => {
        detail.hidden = !detail.hidden;
        button.setAttribute("aria-expanded", String(!detail.hidden));
      });
      return make("li", {}, button, detail);
    });
    find("time").append(axis, make("ol", { class: "steps" }, ...rows));
  }
  if (data.timeline) timeline(data.timeline);
  else find("time-section").hidden = true;

  find("foot").textContent = data.maker + ". Sizes are those of the files’ contents, hard links once; 1 kB is 1000 bytes. Efficiency: for each path the smallest size that a layer has it with (0 where one deletes it), divided by all sizes that layers have it with.";
  draw();
})();
