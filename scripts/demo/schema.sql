-- What the publisher finds in PostgreSQL: the part of the API server's database that it reads and writes. In production the
-- API server's migrations make these tables, which have more columns than these; the demo and the integration tests make them from
-- here. All ids are text, every timestamp is UTC without a zone.

CREATE TYPE "DeviationStatus" AS ENUM
	('review', 'draft', 'scheduled', 'uploading', 'publishing', 'published', 'failed');
CREATE TYPE "UploadMode" AS ENUM ('single', 'multiple');
CREATE TYPE "MatureLevel" AS ENUM ('moderate', 'strict');
CREATE TYPE "SaleQueueStatus" AS ENUM ('pending', 'processing', 'completed', 'failed', 'skipped');

-- Artists, with their login at DeviantArt.
CREATE TABLE users (
	id                               text PRIMARY KEY,
	deviantart_id                    text NOT NULL UNIQUE,
	username                         text NOT NULL,
	email                            text,
	access_token                     text NOT NULL,
	refresh_token                    text NOT NULL,
	token_expires_at                 timestamp(3) NOT NULL,
	refresh_token_expires_at         timestamp(3) NOT NULL,
	refresh_token_warning_email_sent boolean NOT NULL DEFAULT false,
	refresh_token_expired_email_sent boolean NOT NULL DEFAULT false,
	last_refresh_token_refresh       timestamp(3),
	timezone                         text NOT NULL DEFAULT 'UTC',
	created_at                       timestamp(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
	updated_at                       timestamp(3) NOT NULL DEFAULT CURRENT_TIMESTAMP
);

-- What a picture is offered for, in cents; with both bounds the price is drawn between them.
CREATE TABLE price_presets (
	id        text PRIMARY KEY,
	user_id   text NOT NULL REFERENCES users (id) ON DELETE CASCADE,
	name      text NOT NULL,
	price     integer NOT NULL,
	min_price integer,
	max_price integer,
	currency  text NOT NULL DEFAULT 'USD'
);

CREATE TABLE automations (
	id                     text PRIMARY KEY,
	user_id                text NOT NULL REFERENCES users (id) ON DELETE CASCADE,
	name                   text NOT NULL,
	auto_add_to_sale_queue boolean NOT NULL DEFAULT false,
	sale_queue_preset_id   text REFERENCES price_presets (id) ON DELETE SET NULL
);

CREATE TABLE deviations (
	id                     text PRIMARY KEY,
	user_id                text NOT NULL REFERENCES users (id),
	status                 "DeviationStatus" NOT NULL DEFAULT 'draft',
	title                  text NOT NULL,
	description            text,
	tags                   text[],
	category_path          text,
	gallery_ids            text[],
	automation_id          text REFERENCES automations (id) ON DELETE SET NULL,
	is_mature              boolean NOT NULL DEFAULT false,
	mature_level           "MatureLevel",
	allow_comments         boolean NOT NULL DEFAULT true,
	allow_free_download    boolean NOT NULL DEFAULT false,
	is_ai_generated        boolean NOT NULL DEFAULT false,
	no_ai                  boolean NOT NULL DEFAULT false,
	stash_only             boolean NOT NULL DEFAULT false,
	add_watermark          boolean NOT NULL DEFAULT false,
	display_resolution     integer NOT NULL DEFAULT 0,
	upload_mode            "UploadMode" NOT NULL DEFAULT 'single',
	scheduled_at           timestamp(3),
	jitter_seconds         integer NOT NULL DEFAULT 0,
	actual_publish_at      timestamp(3),
	published_at           timestamp(3),
	stash_item_id          text,
	deviation_id           text UNIQUE,
	deviation_url          text,
	error_message          text,
	retry_count            integer NOT NULL DEFAULT 0,
	last_retry_at          timestamp(3),
	execution_lock_id      text,
	execution_locked_at    timestamp(3),
	execution_version      integer NOT NULL DEFAULT 0,
	post_count_incremented boolean NOT NULL DEFAULT false,
	created_at             timestamp(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
	updated_at             timestamp(3) NOT NULL DEFAULT CURRENT_TIMESTAMP
);
CREATE INDEX ON deviations (user_id, status);
CREATE INDEX ON deviations (status, actual_publish_at);
CREATE INDEX ON deviations (execution_lock_id, status);

CREATE TABLE deviation_files (
	id                text PRIMARY KEY,
	deviation_id      text NOT NULL REFERENCES deviations (id) ON DELETE CASCADE,
	original_filename text NOT NULL,
	storage_key       text NOT NULL,
	storage_url       text NOT NULL,
	mime_type         text NOT NULL,
	file_size         integer NOT NULL,
	width             integer,
	height            integer,
	duration          integer,
	sort_order        integer NOT NULL DEFAULT 0,
	created_at        timestamp(3) NOT NULL DEFAULT CURRENT_TIMESTAMP
);

CREATE TABLE sale_queue (
	id              text PRIMARY KEY,
	user_id         text NOT NULL REFERENCES users (id) ON DELETE CASCADE,
	deviation_id    text NOT NULL UNIQUE REFERENCES deviations (id) ON DELETE CASCADE,
	price_preset_id text NOT NULL REFERENCES price_presets (id),
	price           integer NOT NULL,
	status          "SaleQueueStatus" NOT NULL DEFAULT 'pending',
	created_at      timestamp(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
	updated_at      timestamp(3) NOT NULL DEFAULT CURRENT_TIMESTAMP
);
