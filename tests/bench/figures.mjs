// Pairs of measurements, A B A B, and what is told of them: medians, ranges, and the ratio within each pair.

export function median(values) {
	const sorted = [...values].sort((a, b) => a - b);
	const middle = sorted.length >> 1;
	return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** The value that `share` (0.99) of them do not exceed: nearest rank. */
export function percentile(values, share) {
	const sorted = [...values].sort((a, b) => a - b);
	return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)];
}

export function spread(values) {
	return { median: median(values), least: Math.min(...values), most: Math.max(...values) };
}

/**
 * Measures each side in turn, `rounds` times. measure(side) gives {figure: number}. Gives {side: {figure: {median, least, most}}},
 * and under `ratios` the first side's figures divided by each other's, pair by pair.
 */
export async function inPairs(sides, rounds, measure) {
	const seen = Object.fromEntries(Object.keys(sides).map((name) => [name, []]));
	for (let round = 0; round < rounds; round++) {
		for (const [name, side] of Object.entries(sides)) seen[name].push(await measure(side));
	}
	const [first, ...others] = Object.keys(sides);
	const figures = Object.keys(seen[first][0]);
	const over = (of) => Object.fromEntries(figures.map((figure) => [figure, spread(of(figure))]));
	return {
		sides: Object.fromEntries(Object.entries(seen).map(([name, all]) => [name, over((figure) => all.map((one) => one[figure]))])),
		ratios: Object.fromEntries(others.map((name) => [name, over((figure) => seen[first].map((one, i) => one[figure] / seen[name][i][figure]))])),
	};
}
