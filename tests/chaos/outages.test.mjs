// Servers that go away for a while and return: work goes on by itself within seconds, and nothing is lost, twice, or burned.
import assert from 'node:assert/strict';
import test from 'node:test';

import { mayName } from './names.mjs';
import { ends, outages } from './outages.mjs';

const only = process.env.ONLY && new RegExp(process.env.ONLY);
/** Seconds; `make chaos` gives longer ones, too. */
const lengths = (process.env.CHAOS_OUTAGES ?? '0.1 1 5').split(' ').map((s) => Number(s) * 1000);
const most = Math.max(...lengths);
/** 5 s are the goal, and what is printed is the truth; this leaves room for a machine with other things to do. */
const goal_ms = 10000;

function play(name, list, options) {
	if (only && !only.test(name)) return;
	const played = outages(name, list, options);
	played.catch(() => {});
	test(name, { timeout: 600000 + list.reduce((sum, [, ms]) => sum + 2 * ms, 0) }, async () => {
		for (const { name: one, ms, claim_ms } of await played) {
			if (ends[one].who === 'redis' || ends[one].who === 'postgres') assert.ok(claim_ms <= goal_ms, `${one} for ${ms} ms: first job after ${claim_ms} ms`);
		}
	});
}

const times = (...names) => names.flatMap((name) => lengths.map((ms) => [name, ms]));

play('Redis away', [...times('Redis killed'), ['Redis refuses', lengths[1] ?? most], ['Redis stands still', lengths[1] ?? most]]);
play('PostgreSQL away', [...times('PostgreSQL killed'), ['PostgreSQL refuses', lengths[1] ?? most], ['PostgreSQL read-only', lengths[1] ?? most]]);
play('DeviantArt and the storage away', [...times('DeviantArt refuses'), ['storage refuses', lengths[1] ?? most], ['DeviantArt and storage stand still', lengths[1] ?? most]]);
play('half open to Redis and PostgreSQL', [['half open to Redis', 1000], ['half open to PostgreSQL', 1000], ...most > 5000 ? [['half open to Redis', most], ['half open to PostgreSQL', most]] : []]);

const dns = ['DNS: no such name', 'DNS: a name server that fails', 'DNS: a name server that is silent'];
if (mayName()) play('names that stop resolving', dns.map((name) => [name, Math.min(most, 5000)]), { named: true });
else if (!only) test('names that stop resolving', { skip: 'needs a mount name space and port 53: root may have them' }, () => {});
