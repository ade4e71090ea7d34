// Small charts, drawn from numbers. Each has its meaning in words too: the caption for everybody, the label for who cannot see it.

const WIDTH = 240;
const HEIGHT = 48;

function svg(name, attributes) {
	const element = document.createElementNS('http://www.w3.org/2000/svg', name);
	for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
	return element;
}

function floor() {
	return svg('line', { class: 'floor', x1: 0, x2: WIDTH, y1: HEIGHT, y2: HEIGHT });
}

function make(tag, className = '') {
	const element = document.createElement(tag);
	if (className) element.className = className;
	return element;
}

/** A drawing and its two ends in words, below it. */
function drawing(parent) {
	const canvas = svg('svg', { role: 'img', viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: 'none' });
	const axis = make('div', 'axis');
	const [from, to] = [make('span'), make('span')];
	axis.setAttribute('aria-hidden', 'true'); // the drawing's label says more
	axis.append(from, to);
	parent.append(canvas, axis);
	return { canvas, from, to };
}

/** The figure with this key under `parent`, made once: {value, words, drawings}. */
function figure(parent, key, title, { drawings = 1, about = '' } = {}) {
	for (const one of parent.children) if (one.dataset.key === key) return one.parts;
	const made = make('figure');
	const caption = make('figcaption');
	const [name, value, words] = [make('b'), make('span', 'value'), make('span', 'words')];
	made.dataset.key = key;
	name.textContent = title;
	if (about) name.append(make('small'));
	if (about) name.lastChild.textContent = about;
	caption.append(name, value, words);
	made.append(caption);
	made.parts = { value, words, drawings: Array.from({ length: drawings }, () => drawing(made)) };
	parent.append(made);
	return made.parts;
}

function draw({ canvas, from, to }, label, shapes, ends) {
	canvas.setAttribute('aria-label', label);
	canvas.replaceChildren(...shapes, floor());
	setText(from, ends[0]);
	setText(to, ends[1]);
}

/** points: [{at, value}], value null where nothing is known; over the last `span` ms before `now`. end: what is said of now. */
function drawLine(where, label, points, { now, span, end }) {
	const known = points.filter(({ at, value }) => value !== null && now - at <= span);
	const most = Math.max(...known.map(({ value }) => value), 0) || 1;
	const places = known.map(({ at, value }) => [WIDTH * (1 - (now - at) / span), HEIGHT - (HEIGHT - 3) * value / most].map((n) => n.toFixed(1)));
	const shapes = [];
	if (places.length > 0) {
		const path = `M${places.map((place) => place.join(' ')).join('L')}`;
		// A single point is a dot: a line of no length with round ends.
		const [kind, line] = places.length > 1 ? ['line', path] : ['line dot', `${path}h0.01`];
		shapes.push(svg('path', { class: 'area', d: `${path}L${places.at(-1)[0]} ${HEIGHT}L${places[0][0]} ${HEIGHT}Z` }), svg('path', { class: kind, d: line }));
	}
	draw(where, label, shapes, [`${bound(span)} ago`, end]);
}

/** A bar a bucket; the last one is "more". */
function drawBars(where, label, bounds, counts) {
	const most = Math.max(...counts, 1);
	const step = WIDTH / Math.max(counts.length, 1);
	const shapes = counts.map((count, i) => {
		// What happened once is seen beside what happened a thousand times.
		const height = count > 0 ? Math.max(2, HEIGHT * count / most) : 0;
		return svg('rect', { class: 'bar', x: (i * step + 1).toFixed(1), width: (step - 2).toFixed(1), y: (HEIGHT - height).toFixed(1), height: height.toFixed(1) });
	});
	draw(where, label, shapes, bounds.length > 0 ? [`to ${bound(bounds[0])}`, `over ${bound(bounds.at(-1))}`] : ['', '']);
}

/** The bound within which this share of all counts lies; undefined: there are none; Infinity: above the last bound. */
function within(bounds, counts, share) {
	const all = counts.reduce((sum, n) => sum + n, 0);
	if (all === 0) return undefined;
	let sum = 0;
	for (let i = 0; i < bounds.length; i++) {
		sum += counts[i];
		if (sum >= all * share) return bounds[i];
	}
	return Infinity;
}

function boundWords(bounds, value) {
	return value === Infinity ? `more than ${bound(bounds.at(-1))}` : `within ${bound(value)}`;
}
