// What a real network costs: Redis and PostgreSQL a millisecond away, there and back, for both sides alike.
import { measurePublish } from './publish.mjs';
import { measureQueue } from './queue.mjs';

const roundTripUs = 1000;

export async function measureNetwork(stand, { queue, publish, tell, ...how }) {
	const further = (result) => tell({ ...result, name: `${result.name}, servers ${roundTripUs / 1000} ms away` });
	await stand.moveServers(roundTripUs);
	await measureQueue(stand, { ...how, ...queue, withFloor: false, tell: further });
	await measurePublish(stand, { ...how, ...publish, tell: further });
	await stand.moveServers(0);
}
