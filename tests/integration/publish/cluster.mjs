// node cluster.mjs DIRECTORY: a cluster of PostgreSQL as every file of scenarios begins with one, made once (PUBLISH_CLUSTER).
import { execFileSync } from 'node:child_process';

import { Postgres } from './servers.mjs';

const postgres = new Postgres();
await postgres.start();
await postgres.process.stop('SIGINT'); // its fast shutdown: nothing is left to recover
execFileSync('cp', ['-a', `${postgres.directory}/data`, process.argv[2]]);
