-- The clock of a simulated history, for a database in which its statements are run (mirror.c): with this schema in front
-- in search_path, now() is clock.now(), in the text of a statement as in a column's default.
CREATE SCHEMA clock;

-- What set_config('clock.ms') says, in ms since 1970.
CREATE FUNCTION clock.now() RETURNS timestamptz LANGUAGE sql STABLE AS
	$$ SELECT timestamptz '1970-01-01 00:00:00+00' + coalesce(current_setting('clock.ms', true), '0')::bigint * interval '1 millisecond' $$;

-- A time as the model has it: ms since 1970, 0 for NULL. The API server's columns hold UTC without saying so.
CREATE FUNCTION clock.ms(at timestamptz) RETURNS bigint LANGUAGE sql IMMUTABLE AS
	$$ SELECT coalesce((extract(epoch FROM at) * 1000)::bigint, 0) $$;
CREATE FUNCTION clock.ms(at timestamp) RETURNS bigint LANGUAGE sql IMMUTABLE AS
	$$ SELECT coalesce((extract(epoch FROM at) * 1000)::bigint, 0) $$;
CREATE FUNCTION clock.at(ms text) RETURNS timestamp LANGUAGE sql IMMUTABLE AS
	$$ SELECT timestamp '1970-01-01 00:00:00' + nullif(ms, '0')::bigint * interval '1 millisecond' $$;

ALTER ROLE CURRENT_USER SET search_path = clock, public, pg_catalog;
