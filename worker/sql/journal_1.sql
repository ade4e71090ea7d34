-- Version 1 of the journal. The schema is ours alone and has no foreign keys into the API server's tables: a row that
-- its artist deletes must not be held, nor take the evidence of a publish with it.
CREATE SCHEMA IF NOT EXISTS publisher;

CREATE TABLE IF NOT EXISTS publisher.schema_version (
	version    integer PRIMARY KEY,
	applied_at timestamptz NOT NULL DEFAULT now()
);

-- One row a deviation that is being worked on: what must be counted over its attempts.
CREATE TABLE IF NOT EXISTS publisher.posts (
	deviation_id     text PRIMARY KEY,
	open_claim       text,                              -- execution lock of a claim that has not ended in order
	came_as          text,                              -- status of the row when work on it began
	crashes          integer NOT NULL DEFAULT 0,        -- workers in a row that died at it
	stalls           integer NOT NULL DEFAULT 0,        -- of its job, at the last claim: one more means that the claim's worker died
	retries          jsonb NOT NULL DEFAULT '{}',       -- failures by category
	failed_job       text,                              -- the very job that ended in failure: it does not run again
	first_refused_at timestamptz,                       -- first refusal or outage since something last went well
	updated_at       timestamptz NOT NULL DEFAULT now()
);

-- One row a deviation and file, from its accepted upload on. Only this item is ever published for the file.
CREATE TABLE IF NOT EXISTS publisher.files (
	deviation_id           text NOT NULL,
	file_id                text NOT NULL,
	stash_item_id          text NOT NULL,
	digest                 text NOT NULL,               -- of what was submitted; '' where nobody knows (adopted)
	title                  text,                        -- as submitted: by it the gallery shows the post, whatever the row says since
	state                  text NOT NULL CHECK (state IN ('submitted', 'publishing', 'published')),
	uploads                integer NOT NULL DEFAULT 1,
	submitted_at           timestamptz NOT NULL DEFAULT now(),
	publish_first_at       timestamptz,                 -- first stash/publish of this item that may have got through
	publish_last_at        timestamptz,
	asks                   integer NOT NULL DEFAULT 0,  -- stash/publish requests whose outcome was not known
	public_since           timestamptz,                 -- known to be public (error_code 9), link still missing
	looks                  integer NOT NULL DEFAULT 0,  -- gallery readings since then, or since the item was gone
	item_gone              boolean NOT NULL DEFAULT false,
	published_deviation_id text UNIQUE,                 -- a second match of one post is refused here
	url                    text,
	published_at           timestamptz,
	PRIMARY KEY (deviation_id, file_id)
);
CREATE INDEX IF NOT EXISTS files_unresolved ON publisher.files (publish_last_at) WHERE state = 'publishing';

-- Who refreshes a user's token now. A row outlives its lease: it tells the next one that the stored token may be spent.
CREATE TABLE IF NOT EXISTS publisher.token_leases (
	user_id    text PRIMARY KEY,
	holder     text NOT NULL,
	expires_at timestamptz NOT NULL,
	refresh_token_digest text NOT NULL DEFAULT '',      -- SHA-256 of the token that is presented
	refused    boolean NOT NULL DEFAULT false,          -- that token was presented, and is dead
	started_at timestamptz NOT NULL DEFAULT now()
);

-- What happened to a deviation, in order, for people. Append-only.
CREATE TABLE IF NOT EXISTS publisher.steps (
	id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	deviation_id text NOT NULL,
	at           timestamptz NOT NULL DEFAULT now(),
	step         text NOT NULL,
	detail       text
);
CREATE INDEX IF NOT EXISTS steps_deviation ON publisher.steps (deviation_id, id);

INSERT INTO publisher.schema_version (version) VALUES (1) ON CONFLICT DO NOTHING;
