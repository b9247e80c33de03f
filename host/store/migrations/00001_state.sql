-- +goose Up
create table blocks (
	cid       bytea    not null primary key,
	block     bytea    not null,
	public    smallint not null,
	chain     text     not null,
	checksum  bytea    not null
);

create table orders (
	role      text   not null,
	cid       bytea  not null,
	reference text   not null,
	state     text   not null,
	created   bigint not null,
	updated   bigint not null,
	data      bytea  not null,
	checksum  bytea  not null,
	primary key (role, cid)
);
create index orders_by_reference on orders (reference);
create index orders_by_time on orders (role, created, cid);
create index orders_by_state on orders (role, state, created, cid);

create table envelopes (
	cid       bytea  not null primary key,
	chain     text   not null,
	sequence  bigint not null,
	kind      text   not null,
	time      bigint not null,
	header    bytea  not null,
	checksum  bytea  not null
);
create unique index envelopes_by_chain on envelopes (chain, sequence);
create unique index envelopes_by_header on envelopes (header);

create table answers (
	request  bytea not null primary key,
	answer   bytea not null,
	detached bytea not null,
	checksum bytea not null
);

create table meta (
	name     text  not null primary key,
	value    bytea not null,
	checksum bytea not null
);

create table identities (
	name     bytea  not null,
	sequence bigint not null,
	document bytea  not null,
	checksum bytea  not null,
	primary key (name, sequence)
);

create table jobs (
	kind     text   not null,
	key      text   not null,
	place    text   not null,
	payload  bytea  not null,
	state    text   not null,
	due      bigint not null,
	lease    bigint not null,
	owner    text   not null,
	attempts bigint not null,
	reason   text   not null,
	created  bigint not null,
	primary key (kind, key)
);
create index jobs_by_due on jobs (kind, state, due);
create index jobs_by_age on jobs (kind, state, created);
create index jobs_by_attempts on jobs (kind, state, attempts);

create table job_counts (
	kind    text   not null primary key,
	pending bigint not null
);

create table job_holds (
	kind     text   not null,
	place    text   not null,
	until    bigint not null,
	attempts bigint not null,
	reason   text   not null,
	primary key (kind, place)
);

create table audit_entries (
	number bigint not null primary key,
	entry  bytea  not null,
	hashes bytea  not null
);

create table checkpoints (
	peer     text   not null primary key,
	size     bigint not null,
	time     bigint not null,
	note     bytea  not null,
	checksum bytea  not null
);

create table idempotency (
	caller   text     not null,
	path     text     not null,
	key      text     not null,
	mac      bytea    not null,
	status   smallint not null,
	answer   text     not null,
	created  bigint   not null,
	checksum bytea    not null,
	primary key (caller, path, key)
);
create index idempotency_by_time on idempotency (created);
