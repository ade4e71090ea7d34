// Tables that are filled again and again without being made anew: a reader's place in them stays, and only what changed is touched.

function setText(element, value) {
	if (element.textContent !== value) element.textContent = value;
}

function setClass(element, value) {
	if (element.className !== value) element.className = value;
}

/** Children of `parent`, as many as there are items; `make` makes one, `fill` fills it. */
function fillChildren(parent, items, make, fill) {
	while (parent.children.length > items.length) parent.lastElementChild.remove();
	while (parent.children.length < items.length) parent.append(make());
	items.forEach((item, i) => fill(parent.children[i], item));
}

/**
 * A cell: a text, or {text, kind: class, id: shown as an id, notes: [further lines]}. Each text is isolated, so that one of another
 * writing direction changes nothing around it.
 */
function fillCell(cell, content) {
	const { text: value, kind = '', id = false, notes = [] } = typeof content === 'string' ? { text: content } : content;
	if (!cell.firstChild) cell.append(document.createElement('bdi'), document.createElement('span'));
	setClass(cell, kind);
	setClass(cell.firstChild, id ? 'id' : '');
	setText(cell.firstChild, value);
	fillChildren(cell.lastChild, notes, () => {
		const note = document.createElement('small');
		note.append(document.createElement('bdi'));
		return note;
	}, (note, words) => setText(note.firstChild, words));
}

/** An element with its role said: on a phone rows are laid out otherwise, and browsers would forget that they are rows. */
function withRole(tag, role) {
	const element = document.createElement(tag);
	element.setAttribute('role', role);
	return element;
}

/** rows: lists of cells; the first of each is its header. */
function fillTable(body, rows) {
	fillChildren(body, rows, () => withRole('tr', 'row'), (row, cells) => {
		while (row.children.length < cells.length) row.append(row.children.length === 0 ? withRole('th', 'rowheader') : withRole('td', 'cell'));
		cells.forEach((content, i) => fillCell(row.children[i], content));
	});
	body.closest('table').hidden = rows.length === 0;
}

/** items: [{name, value, note, warn}] */
function fillGlance(parent, items) {
	fillChildren(parent, items, () => {
		const group = document.createElement('div');
		group.append(...['dt', 'dd', 'dd'].map((tag) => document.createElement(tag)));
		return group;
	}, (group, { name, value, note = '', warn = false }) => {
		setClass(group, warn ? 'warn' : '');
		[name, value, note].forEach((words, i) => setText(group.children[i], words));
	});
}
