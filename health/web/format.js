'use strict';
// What came as a stranger's word becomes numbers and texts for people. Nothing here, or in the other files, makes HTML of a text: the
// page's policy forbids it.

/** A number that can be shown; 0 for anything else. */
function number(value) {
	return Number.isFinite(value) && value > 0 ? value : 0;
}

function text(value) {
	return typeof value === 'string' ? value : '';
}

function list(value) {
	return Array.isArray(value) ? value : [];
}

/** A member of what may not be an object. */
function part(value, name) {
	return value !== null && typeof value === 'object' && Object.hasOwn(value, name) ? value[name] : undefined;
}

/** 12345.6 -> "12,346" */
function whole(value) {
	return Math.round(number(value)).toLocaleString('en');
}

/** "0.4 s", "12 s", "3 min 5 s", "2 h 1 min", "4 d 3 h": as `isekai-publisher status` has it. */
function duration(ms) {
	const s = number(ms) / 1000;
	const two = (large, unit, small, next) => `${Math.floor(large)} ${unit}${Math.floor(small) > 0 ? ` ${Math.floor(small)} ${next}` : ''}`;
	if (s < 9.95) return `${s.toFixed(1)} s`;
	if (s < 60) return `${Math.floor(s)} s`;
	if (s < 3600) return two(s / 60, 'min', s % 60, 's');
	if (s < 86400) return two(s / 3600, 'h', s % 3600 / 60, 'min');
	return two(s / 86400, 'd', s % 86400 / 3600, 'h');
}

/** The same, where less than a second matters: "17 ms". */
function brief(ms) {
	return number(ms) < 1000 ? `${Math.round(number(ms))} ms` : duration(ms);
}

/** A bound of a histogram: "50 ms", "2.5 s", "5 min", "6 h", "7 d". */
function bound(ms) {
	for (const [size, unit] of [[86400000, 'd'], [3600000, 'h'], [60000, 'min'], [1000, 's']]) {
		if (ms >= size) return `${Number((ms / size).toFixed(1))} ${unit}`;
	}
	return `${ms} ms`;
}

/** A moment as the reader's clock has it, to the second. */
function clock(date) {
	return [date.getHours(), date.getMinutes(), date.getSeconds()].map((one) => String(one).padStart(2, '0')).join(':');
}

function plural(n, one, many = `${one}s`) {
	return `${whole(n)} ${n === 1 ? one : many}`;
}
