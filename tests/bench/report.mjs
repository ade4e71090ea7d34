// What was measured, as lines for a terminal, as JSON, and as a picture.

/** Of each figure: what it is called, its unit, its digits, and which way is better. */
const known = {
	jobsPerS: { label: 'jobs a second', digits: 0, more: true },
	postsPerS: { label: 'posts a second', digits: 0, more: true },
	cpuUs: { label: 'CPU of the worker side, µs each', digits: 1 },
	redisCpuUs: { label: 'CPU of Redis, µs each', digits: 1 },
	peakPssMb: { label: 'memory at most, MB (PSS of all processes)', digits: 1 },
	p50Ms: { label: 'median, ms', digits: 2 },
	p99Ms: { label: '99 of 100, ms', digits: 2 },
	p999Ms: { label: '999 of 1000, ms', digits: 2 },
	readyMs: { label: 'start to ready, ms', digits: 0 },
	idlePssKb: { label: 'memory a slot before the first job, KB (PSS)', digits: 0 },
	idlePrivateKb: { label: '… of it private, KB', digits: 0 },
	usedPssKb: { label: 'memory a slot, idle after its jobs, KB (PSS)', digits: 0 },
	usedPrivateKb: { label: '… of it private, KB', digits: 0 },
	idleCpuPercent: { label: 'CPU of the idle pool, % of a core', digits: 3 },
	idleRedisCpuPercent: { label: 'CPU of Redis meanwhile, % of a core', digits: 3 },
	recoveredMs: { label: 'killed worker to its successor, ms', digits: 0 },
	drainedMs: { label: 'TERM to the exit of the idle pool, ms', digits: 0 },
};

const text = (value, { digits }) => (Number.isFinite(value) ? value.toFixed(digits) : '-');

/** A measurement as a table: a line a figure, a column a side. */
export function lines({ name, jobs, sides, ratios, floor }) {
	const names = Object.keys(sides);
	const out = ['', `${name} (${jobs} each time)`];
	for (const figure of Object.keys(sides[names[0]])) {
		const how = known[figure];
		const cells = names.map((side) => {
			const { median, least, most } = sides[side][figure];
			return `${side} ${text(median, how)} (${text(least, how)} to ${text(most, how)})`;
		});
		for (const [other, all] of Object.entries(ratios)) {
			if (!Number.isFinite(all[figure]?.median)) continue;
			cells.push(`× ${other} ${all[figure].median.toFixed(3)} (${all[figure].least.toFixed(3)} to ${all[figure].most.toFixed(3)})`);
		}
		if (floor?.[figure]) cells.push(`× floor of ${text(floor[figure].median, how)}: ${(sides[names[0]][figure].median / floor[figure].median).toFixed(3)}`);
		out.push(`  ${how.label.padEnd(46)} ${cells.join(' · ')}`);
	}
	return out.join('\n');
}

// ---------------------------------------------------------------- the picture

const colours = { publisher: '#0b7285', 'bullmq5': '#e8590c', 'bullmq6': '#f59f00', floor: '#868e96' };
const left = 330;
const width = 1000;
const bar = 15;
const escape = (words) => words.replace(/[&<>]/g, (one) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;' })[one]);

/** One measurement's first figure: a bar a side, its range as a line. */
function group({ name, sides, floor }, top) {
	const [figure] = Object.keys(Object.values(sides)[0]);
	const rows = Object.entries(sides).map(([side, all]) => [side, all[figure]]);
	if (floor?.[figure]) rows.push(['floor', floor[figure]]);
	const most = Math.max(...rows.map(([, value]) => value.most));
	const scale = (value) => (width - left - 110) * value / most;
	const parts = [`<text x="${left - 12}" y="${top + 13}" text-anchor="end" class="name">${escape(name)}</text>`,
		`<text x="${left - 12}" y="${top + 29}" text-anchor="end" class="unit">${escape(known[figure].label)}</text>`];
	rows.forEach(([side, value], i) => {
		const y = top + i * (bar + 3);
		parts.push(`<rect x="${left}" y="${y}" width="${scale(value.median).toFixed(1)}" height="${bar}" rx="2" fill="${colours[side]}"/>`,
			`<line x1="${(left + scale(value.least)).toFixed(1)}" x2="${(left + scale(value.most)).toFixed(1)}" y1="${y + bar / 2}" y2="${y + bar / 2}" class="range"/>`,
			`<text x="${(left + scale(value.most) + 7).toFixed(1)}" y="${y + 12}" class="value">${text(value.median, known[figure])} ${side}</text>`);
	});
	return { parts, height: Math.max(rows.length * (bar + 3), 32) + 16 };
}

export function picture(results, about) {
	const parts = [];
	let y = 70;
	for (const result of results) {
		const one = group(result, y);
		parts.push(...one.parts);
		y += one.height;
	}
	return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${y + 10}" viewBox="0 0 ${width} ${y + 10}" font-family="system-ui, sans-serif">
<style>.name{font-size:13px;fill:#212529}.unit{font-size:11px;fill:#868e96}.value{font-size:12px;fill:#343a40}.range{stroke:#212529;stroke-width:1.5;opacity:.55}</style>
<rect width="100%" height="100%" fill="#fff"/>
<text x="20" y="30" font-size="18" fill="#212529">The publisher beside a BullMQ worker in Node</text>
<text x="20" y="50" font-size="12" fill="#868e96">${escape(about)}; medians, and the range of all rounds</text>
${parts.join('\n')}
</svg>
`;
}
