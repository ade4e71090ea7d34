// Faults that once were, found by killing processes at every system call and letting every call fail (tests/chaos).
import assert from 'node:assert/strict';

import { afterwards, build, scenario } from './stage.mjs';

for (const signal of ['SIGTERM', 'SIGKILL']) {
	scenario(`a publisher that is ended by ${signal} leaves no key in Redis that has no end`, async () => {
		const house = await build({ settings: { PUBLISHER_CONCURRENCY: 2 } });
		const work = await house.deviation(await house.artist());
		await house.add(work); // a turn is taken, and no worker waits for another any more
		await house.published(work);
		await house.publisher.stop(signal);
		const keys = (await house.redis.run('KEYS', '*')).filter((key) => !/^bull:/.test(key));
		assert.ok(keys.length > 0);
		for (const key of keys) assert.notEqual(await house.redis.run('TTL', key), -1, key);
	});
}

afterwards();
