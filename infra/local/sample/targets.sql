-- Where the sample's catalogue goes, and which brand the sample's ASINs have.

CREATE SCHEMA sample;
CREATE TABLE sample.products (
    sku text PRIMARY KEY,
    name text,
    category text,
    price numeric,
    cost_exact numeric,
    weight_kg double precision,
    stock bigint,
    active boolean,
    launched_on date,
    opens_at time,
    edited_at timestamp,
    updated_at timestamptz,
    photo_hash bytea,
    attributes jsonb,
    tags text[],
    dimensions jsonb,
    parts jsonb,
    warehouse text,
    lead_time interval,
    on_sale daterange
);
COMMENT ON TABLE sample.products IS 'The sample catalogue: a column of every type, moved by the generic worker.';
