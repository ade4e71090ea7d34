-- Who posts what, and what is to become of it: 6 artists, each with a deviation in each of 10 modes, in a schema of the
-- demo's own, from which cast.sql fills the API server's tables and checks.sql knows what has to come out.

CREATE SCHEMA demo;

-- What is special about each artist; faults.json holds the sandbox's part in it.
CREATE TABLE demo.artists (
	number   integer PRIMARY KEY,
	name     text NOT NULL UNIQUE,
	id       text NOT NULL UNIQUE,   -- of the API server
	login    text NOT NULL,          -- 'good', 'expired' (its access token; the refresh token is good), 'dead' (both)
	access   text NOT NULL,
	refresh  text NOT NULL,
	folder   text NOT NULL,          -- a gallery
	about    text NOT NULL
);
INSERT INTO demo.artists
SELECT number, name, md5('artist' || number)::uuid, login,
       'secret-access-' || gen_random_uuid(), 'secret-refresh-' || gen_random_uuid(), gen_random_uuid(), about
FROM (VALUES
	(1, 'aiko', 'good', 'the site fails at one upload, with 500'),
	(2, 'bram', 'good', 'is rate limited three times, with Retry-After'),
	(3, 'cleo', 'dead', 'has withdrawn the login; it cannot be refreshed'),
	(4, 'dana', 'expired', 'has an access token that is past its date'),
	(5, 'emil', 'good', 'loses connections: once in an upload, twice after a publish'),
	(6, 'fay', 'good', 'has the largest files; storage and site are away for a moment')
) AS artist (number, name, login, about);

CREATE TABLE demo.modes (
	number  integer PRIMARY KEY,
	name    text NOT NULL,
	format  text NOT NULL,           -- of its pictures
	files   integer NOT NULL,        -- in storage
	posts   integer NOT NULL         -- that are to become public
);
INSERT INTO demo.modes VALUES
	(1, 'single', 'png', 1, 1),
	(2, 'long title', 'jpeg', 1, 1),
	(3, 'multiple', 'jpeg', 3, 3),
	(4, 'stash only', 'png', 1, 0),
	(5, 'mature', 'jpeg', 1, 1),
	(6, 'watermark', 'png', 1, 1),
	(7, 'tags, galleries', 'jpeg', 1, 1),
	(8, 'sale queue', 'png', 1, 1),
	(9, 'scheduled', 'jpeg', 1, 1),
	(10, 'first of 3', 'png', 3, 1);

CREATE TABLE demo.plan (
	id        text PRIMARY KEY,
	artist    integer NOT NULL REFERENCES demo.artists,
	mode      integer NOT NULL REFERENCES demo.modes,
	title     text NOT NULL UNIQUE,
	due_in_s  integer NOT NULL,                -- seconds from now; 0 and less: at once
	attempts  integer NOT NULL DEFAULT 1,      -- that must have been counted in the end
	story     text                             -- of its fault
);
INSERT INTO demo.plan (id, artist, mode, title, due_in_s)
SELECT md5('deviation' || a.number || '.' || m.number)::uuid, a.number, m.number,
       initcap(a.name) || ' ' || m.number || ': ' ||
       (ARRAY['Harbour', 'Lighthouse', 'Three moods', 'Sketch', 'Figure', 'Coast', 'Snow & ice', 'For sale',
              'Sunrise', 'Study'])[m.number] ||
       CASE WHEN m.number = 2 THEN ' at the end of the long northern pier, seen in the last light of a day in November'
            ELSE '' END,
       CASE WHEN m.number = 9 THEN 6 + 2 * a.number ELSE -60 END
FROM demo.artists a, demo.modes m;

-- A 500 and half an answer to an upload are failed attempts. Lost answers of a publish, 429, 503 and a storage that is away are none.
UPDATE demo.plan SET attempts = 2, story = 'upload: 500' WHERE (artist, mode) = (1, 1);
UPDATE demo.plan SET attempts = 2, story = 'upload: half an answer' WHERE (artist, mode) = (5, 1);
UPDATE demo.plan SET story = 'answer of the second publish lost' WHERE (artist, mode) = (5, 3);
UPDATE demo.plan SET story = 'answer of the publish lost' WHERE (artist, mode) = (5, 5);
UPDATE demo.plan SET story = 'storage: 500' WHERE (artist, mode) = (6, 1);
UPDATE demo.plan SET story = 'upload: 503' WHERE (artist, mode) = (6, 5);

-- The pictures to be made. Noise does not compress, so the number of pixels makes the size: 120 KB to 5 MB.
CREATE TABLE demo.pictures (
	plan_id    text NOT NULL REFERENCES demo.plan,
	number     integer NOT NULL,
	key        text NOT NULL UNIQUE,           -- in the bucket
	format     text NOT NULL,
	width      integer NOT NULL,
	height     integer NOT NULL,
	size_bytes bigint,
	sha256     text,
	PRIMARY KEY (plan_id, number)
);
INSERT INTO demo.pictures (plan_id, number, key, format, width, height)
SELECT p.id, n, a.id || '/' || p.id || '/' || n || '.' || m.format, m.format, side + 40 * n, side
FROM demo.plan p
JOIN demo.artists a ON a.number = p.artist
JOIN demo.modes m ON m.number = p.mode
CROSS JOIN LATERAL generate_series(1, m.files) AS n
CROSS JOIN LATERAL (SELECT CASE
	WHEN p.artist = 6 AND p.mode IN (1, 6) THEN 1270
	WHEN p.mode = 2 THEN 900
	WHEN m.format = 'jpeg' THEN 328 + 20 * p.artist
	ELSE 162 + 20 * p.artist END AS side) AS size;
