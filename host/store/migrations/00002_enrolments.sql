-- +goose Up
create table enrolments (
	role      text   not null,
	reference text   not null,
	mark      text   not null,
	number    bigint not null,
	state     text   not null,
	time      bigint not null,
	cid       bytea  not null,
	person    bytea  not null,
	checksum  bytea  not null,
	primary key (role, reference, mark, number)
);

create table perishables (
	cid      bytea  not null primary key,
	expires  bigint not null,
	checksum bytea  not null
);
create index perishables_by_time on perishables (expires);
