-- +goose Up
create table subjects (
	role      text   not null,
	reference text   not null,
	name      text   not null,
	enrolled  bigint not null,
	revoked   bigint not null,
	time      bigint not null,
	cid       bytea  not null,
	primary key (role, reference, name)
);
