"use strict";
/* The data: see export_data() of html.c.
     regs    names and bits of registers
     start   their values before the first step, in hexadecimal
     code    instructions: [CS:EIP, bytes, text]
     steps   [tick, index into code or text of an event, changes, accesses]
             changes: register number, new value, ...
             accesses: "r" or "w", linear address, bytes in hexadecimal, what a write replaces or ""
     screens {tick, columns, rows, cursor, cells} or {tick, image} */
const trace = JSON.parse(document.getElementById("trace").textContent);
const CP437 = " ☺☻♥♦♣♠•◘○◙♂♀♪♫☼►◄↕‼¶§▬↨↑↓→←∟↔▲▼ !\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefghijklmnopqrstuvwxyz{|}~⌂ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒáíóúñÑªº¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐└┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■ ";
const COLOURS = ["#000", "#00a", "#0a0", "#0aa", "#a00", "#a0a", "#a50", "#aaa",
                 "#555", "#55f", "#5f5", "#5ff", "#f55", "#f5f", "#ff5", "#fff"];
const WINDOW = 40; /* lines of instructions shown */
const steps = trace.steps;
const number = new Map(trace.regs.map(([name], i) => [name, i]));

/* The state before step `at`. Steps are undone by what they have replaced. */
const state = { at: 0, regs: trace.start.slice(), memory: new Map(), undo: [] };

function byId(id) {
    return document.getElementById(id);
}

/* Addresses and registers are BigInt: they may have 64 bits. */
function register(name) {
    return BigInt(`0x${state.regs[number.get(name)]}`);
}

function isWide() {
    return register("code32") === 2n;
}

function wrap(address) {
    return BigInt.asUintN(isWide() || address >> 32n > 0n ? 64 : 32, address);
}

function hexAddress(address) {
    return address.toString(16).padStart(isWide() ? 16 : 8, "0");
}

function isAddress(text) {
    return /^([0-9a-f]{8}|[0-9a-f]{16})$/.test(text);
}

function bytesOf(text) {
    return text.match(/../g) || [];
}

/* Memory that an access shows: a read what was there before it, a write what is there after it. */
function applyAccesses(accesses, undo) {
    for (let i = 0; i < accesses.length; i += 4) {
        if (!isAddress(accesses[i + 1]))
            continue; /* a device or a port */
        const address = BigInt(`0x${accesses[i + 1]}`);
        bytesOf(accesses[i + 2]).forEach((byte, n) => {
            const at = wrap(address + BigInt(n));
            undo.push([at, state.memory.get(at)]);
            state.memory.set(at, byte);
        });
    }
}

function stepForward() {
    const [, , changes, accesses] = steps[state.at];
    const undo = { regs: [], memory: [] };
    for (let i = 0; i < changes.length; i += 2) {
        undo.regs.push([changes[i], state.regs[changes[i]]]);
        state.regs[changes[i]] = changes[i + 1];
    }
    applyAccesses(accesses, undo.memory);
    state.undo[state.at++] = undo;
}

function stepBack() {
    const undo = state.undo[--state.at];
    for (const [register, value] of undo.regs.reverse())
        state.regs[register] = value;
    for (const [at, byte] of undo.memory.reverse()) {
        if (byte === undefined)
            state.memory.delete(at);
        else
            state.memory.set(at, byte);
    }
}

function goTo(at) {
    at = Math.max(0, Math.min(steps.length - 1, at));
    while (state.at < at)
        stepForward();
    while (state.at > at)
        stepBack();
    show();
}

/* The first step at or after a tick. */
function stepAt(tick) {
    let low = 0, high = steps.length - 1;
    while (low < high) {
        const middle = (low + high) >> 1;
        if (steps[middle][0] < tick)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* ---- showing ---- */

function element(tag, text, className) {
    const e = document.createElement(tag);
    e.textContent = text;
    if (className)
        e.className = className;
    return e;
}

function stepText(i) {
    const what = steps[i][1];
    if (typeof what === "string")
        return what;
    const [where, bytes, text] = trace.code[what];
    return `${where}  ${bytes.padEnd(16)}  ${text}`;
}

function showLines() {
    const lines = byId("lines");
    const first = Math.max(0, Math.min(state.at - WINDOW / 2, steps.length - WINDOW));
    lines.replaceChildren();
    for (let i = first; i < Math.min(first + WINDOW, steps.length); i++) {
        const line = element("div", `${String(steps[i][0]).padStart(11)}  ${stepText(i)}`);
        line.className = (i === state.at ? "now " : "") + (typeof steps[i][1] === "string" ? "event" : "");
        if (i === state.at)
            line.id = "now";
        line.onclick = () => goTo(i);
        lines.append(line);
    }
}

/* No step tells what it makes of EIP: the next one begins there. */
function currentEip() {
    const what = steps[state.at][1];
    return typeof what === "string" ? state.regs[number.get("eip")] : trace.code[what][0].split(":")[1];
}

/* Those that the step before has changed are marked. */
function showRegisters() {
    const box = byId("registers");
    const changed = new Set(state.at ? steps[state.at - 1][2].filter((_, i) => i % 2 === 0) : []);
    box.replaceChildren();
    trace.regs.forEach(([name, bits], i) => {
        const now = name === "eip" ? currentEip() : state.regs[i];
        const value = now.padStart(Math.ceil(bits / 4), "0");
        const line = element("div", `${name.padEnd(8)} `);
        const shown = element("span", value, changed.has(i) ? "changed" : "");
        shown.id = `reg-${name}`;
        line.append(shown);
        box.append(line);
    });
}

function showAccesses() {
    const accesses = steps[state.at][3];
    const lines = [];
    for (let i = 0; i < accesses.length; i += 4) {
        const [what, address, data, old] = accesses.slice(i, i + 4);
        lines.push(`${what === "w" ? "writes" : "reads "} ${address}  ${old ? `${old} → ` : ""}${data}`);
    }
    byId("accesses").textContent = lines.join("\n");
}

function memoryAt(address, size) {
    let text = "";
    for (let n = size - 1; n >= 0; n--)
        text += state.memory.get(wrap(address + BigInt(n))) || "··";
    return text;
}

function showStack() {
    const size = isWide() ? 8 : register("stack32") ? 4 : 2;
    const base = isWide() ? 0n : register("ss_base");
    const top = base + (size > 2 ? register("esp") : register("esp") & 0xffffn);
    const lines = [];
    for (let i = 0; i < 12; i++) {
        const at = wrap(top + BigInt(i * size));
        lines.push(`${hexAddress(at)}  ${memoryAt(at, size)}`);
    }
    byId("stack").textContent = lines.join("\n");
}

function memoryView() {
    const text = byId("address").value.trim();
    if (number.has(text))
        return register(text);
    if (text)
        return /^(0x)?[0-9a-f]+$/i.test(text) ? BigInt(`0x${text.replace(/^0x/i, "")}`) : 0n;
    for (let at = state.at; at >= 0 && at > state.at - 1000; at--) {
        const address = steps[at][3][1];
        if (isAddress(address))
            return BigInt(`0x${address}`);
    }
    return isWide() ? register("esp") : register("ss_base") + register("esp");
}

function showMemory() {
    const first = memoryView() & ~15n;
    const lines = [];
    for (let row = -2; row < 14; row++) {
        const at = wrap(first + BigInt(row * 16));
        let bytes = "", chars = "";
        for (let n = 0; n < 16; n++) {
            const byte = state.memory.get(wrap(at + BigInt(n)));
            const code = byte === undefined ? -1 : parseInt(byte, 16);
            bytes += ` ${byte || "··"}`;
            chars += code < 0 ? "·" : code > 31 && code < 127 ? String.fromCharCode(code) : ".";
        }
        lines.push(`${hexAddress(at)} ${bytes}  ${chars}`);
    }
    byId("memory").textContent = lines.join("\n");
}

function textScreen(screen) {
    const pre = document.createElement("pre");
    for (let row = 0; row < screen.rows; row++) {
        for (let column = 0; column < screen.columns; column++) {
            const cell = screen.cells.substr((row * screen.columns + column) * 4, 4);
            const attribute = parseInt(cell.slice(0, 2), 16);
            const span = element("span", CP437[parseInt(cell.slice(2), 16)] || " ");
            span.style.color = COLOURS[attribute & 15];
            span.style.background = COLOURS[attribute >> 4 & 7];
            pre.append(span);
        }
        pre.append("\n");
    }
    return pre;
}

let shownScreen = null;

function showScreen() {
    const tick = steps[state.at][0];
    const screen = trace.screens.filter((s) => s.tick <= tick).pop() || trace.screens[0] || null;
    if (screen === shownScreen && byId("screen").firstChild)
        return;
    shownScreen = screen;
    if (!screen) {
        byId("screen").replaceChildren(element("span", "no picture in the trace", "grey"));
    } else if (screen.image) {
        const image = document.createElement("img");
        image.src = screen.image;
        byId("screen").replaceChildren(image);
    } else {
        byId("screen").replaceChildren(textScreen(screen));
    }
}

function show() {
    const tick = steps[state.at][0];
    byId("slider").value = state.at;
    byId("goto").value = tick;
    byId("where").textContent = `step ${state.at + 1} of ${steps.length}`;
    showLines();
    showRegisters();
    showAccesses();
    showStack();
    showMemory();
    showScreen();
    history.replaceState(null, "", `#tick=${tick}`);
}

/* ---- hands ---- */

function goToFragment() {
    const found = /tick=(\d+)/.exec(location.hash);
    goTo(found ? stepAt(Number(found[1])) : 0);
}

const keys = {
    ArrowLeft: () => goTo(state.at - 1),
    ArrowRight: () => goTo(state.at + 1),
    ArrowUp: () => goTo(state.at - 1),
    ArrowDown: () => goTo(state.at + 1),
    PageUp: () => goTo(state.at - 100),
    PageDown: () => goTo(state.at + 100),
    Home: () => goTo(0),
    End: () => goTo(steps.length - 1),
    g: () => byId("goto").select(),
    m: () => byId("address").select(),
};

document.addEventListener("keydown", (event) => {
    const typing = event.target.tagName === "INPUT" && event.target.type !== "range";
    if (typing || event.ctrlKey || event.altKey || !keys[event.key])
        return;
    event.preventDefault();
    keys[event.key]();
});
byId("slider").max = steps.length - 1;
byId("slider").oninput = (event) => goTo(Number(event.target.value));
byId("goto").onchange = (event) => { goTo(stepAt(Number(event.target.value))); event.target.blur(); };
byId("address").onchange = (event) => { showMemory(); event.target.blur(); };
byId("first").onclick = keys.Home;
byId("back").onclick = keys.ArrowLeft;
byId("forward").onclick = keys.ArrowRight;
byId("last").onclick = keys.End;
addEventListener("hashchange", goToFragment);

if (steps.length)
    goToFragment();
else
    byId("where").textContent = "nothing was traced in this interval";
