CREATE TABLE `articles` (`id` integer PRIMARY KEY AUTOINCREMENT,`title` text,`slug` text,`price` real,`published` numeric,`tags` text,`settings` text,`raw` blob,`shown_at` datetime,`password` text,`created_at` datetime,`updated_at` datetime,`deleted_at` datetime);
CREATE TABLE "audit_entries" (
	seq INTEGER PRIMARY KEY AUTOINCREMENT,
	id BLOB NOT NULL UNIQUE,
	form INTEGER NOT NULL,
	time INTEGER NOT NULL,
	tenant TEXT NOT NULL,
	project TEXT NOT NULL,
	actor_type TEXT NOT NULL,
	actor_id TEXT NOT NULL,
	actor_name TEXT NOT NULL,
	actor_email TEXT NOT NULL,
	actor_user TEXT NOT NULL,
	action TEXT NOT NULL,
	outcome TEXT NOT NULL,
	object_type TEXT NOT NULL,
	object_id TEXT NOT NULL,
	object_key TEXT NOT NULL,
	object_name TEXT NOT NULL,
	object_product TEXT NOT NULL,
	ip TEXT NOT NULL,
	ip_key TEXT NOT NULL,
	request_id TEXT NOT NULL,
	method TEXT NOT NULL,
	path TEXT NOT NULL,
	user_agent TEXT NOT NULL,
	transaction_id TEXT NOT NULL,
	on_behalf_of TEXT NOT NULL,
	error TEXT NOT NULL,
	comment TEXT NOT NULL,
	salt BLOB NOT NULL,
	fields TEXT NOT NULL,
	search TEXT NOT NULL,
	changes TEXT NOT NULL,
	metadata TEXT NOT NULL
);
CREATE TABLE "audit_entries_schema" (version INTEGER PRIMARY KEY, applied_at TEXT NOT NULL);
CREATE TABLE "audit_entries_values" (facet TEXT NOT NULL, value TEXT NOT NULL, tenant TEXT NOT NULL, PRIMARY KEY (facet, value, tenant)) WITHOUT ROWID;
CREATE TABLE "audit_entries_values_upto" (only_row INTEGER NOT NULL PRIMARY KEY, version BIGINT NOT NULL, position TEXT NOT NULL, entries BIGINT NOT NULL);
INSERT INTO articles VALUES (1,'One','one',10.25,1,'["a","b","c"]','{"size":3,"theme":"light"}',X'0001FF','2026-03-29 02:30:00.123456+00:00','s3cret','2026-11-30 15:29:57.615355573+00:00','2026-11-30 15:29:57.641413087+00:00',NULL);
INSERT INTO articles VALUES (3,'Three','three',6.0,1,NULL,NULL,NULL,NULL,'','2026-11-30 15:29:57.615355573+00:00','2026-11-30 15:29:57.69488101+00:00',NULL);
INSERT INTO audit_entries VALUES (1,X'01A22D13BB717454BFC52388EB18D3F4',1,1796052597617284,'','','','u1','Ada','ada@example.com','ada@example.com','create','success','articles','1','n10011','One','','','','','','','','01a22d13-bb6f-74e2-ae19-4739237bc399','','','',X'B5233AF79880C5868DB8206AD5174748','idtitleslugpricepublishedtagssettingsrawshown_atpasswordcreated_atupdated_at','ADAADA@EXAMPLE.COMONE1CREATE','[{"field":"id","op":"add","new":1},{"field":"title","op":"add","new":"One"},{"field":"slug","op":"add","new":"one"},{"field":"price","op":"add","new":9.5},{"field":"published","op":"add","new":false},{"field":"tags","op":"add","new":["a","b"]},{"field":"settings","op":"add","new":{"size":3,"theme":"dark"}},{"field":"raw","op":"add","new":"AAH/"},{"field":"shown_at","op":"add","new":"2026-03-29T02:30:00.123456Z"},{"field":"password","op":"add","new":"[masked]","redacted":"masked"},{"field":"created_at","op":"add","new":"2026-11-30T15:29:57.615355573Z"},{"field":"updated_at","op":"add","new":"2026-11-30T15:29:57.615355573Z"}]','');
INSERT INTO audit_entries VALUES (10,X'01A22D13BBBF704FBAFFB93B0434D155',1,1796052597695020,'','','','u1','Ada','ada@example.com','ada@example.com','update','success','articles','3','n10013','Drei ß','','','','','','','','01a22d13-bbbd-7e5a-9385-25e1989fb785','','','',X'0AA572B1E2735F32A9AEB7BBCEF102B7','priceupdated_at','ADAADA@EXAMPLE.COMDREI ß3UPDATE','[{"field":"price","op":"replace","old":3,"new":6},{"field":"updated_at","op":"replace","old":"2026-11-30T15:29:57.694677597Z","new":"2026-11-30T15:29:57.69488101Z"}]','');
INSERT INTO audit_entries VALUES (11,X'01A22D13BBBF7463B81D7B6E3C6A5D64',1,1796052597695287,'','','','u1','Ada','ada@example.com','ada@example.com','update','success','articles','3','n10013','Three','','','','','','','','01a22d13-bbbd-7e5a-9385-25e1989fb785','','','',X'CCAFEB7D295A084847C06EBE4A2C3551','title','ADAADA@EXAMPLE.COMTHREE3UPDATE','[{"field":"title","op":"replace","old":"Drei ß","new":"Three"}]','');
INSERT INTO audit_entries VALUES (12,X'01A22D13BBD674CE874DBBC548E842D0',1,1796052597718315,'','','','u1','Ada','ada@example.com','ada@example.com','destroy','success','articles','2','n10012','Two','','','','','','','','01a22d13-bbd5-7b4d-aa53-26d733dcf86f','','','',X'A77088CA00FA7D3CD272E7924D9925E1','idtitleslugpricepublishedpasswordcreated_atupdated_at','ADAADA@EXAMPLE.COMTWO2DESTROY','[{"field":"id","op":"remove","old":2},{"field":"title","op":"remove","old":"Two"},{"field":"slug","op":"remove","old":"two"},{"field":"price","op":"remove","old":0},{"field":"published","op":"remove","old":false},{"field":"password","op":"remove","old":"[masked]","redacted":"masked"},{"field":"created_at","op":"remove","old":"2026-11-30T15:29:57.615355573Z"},{"field":"updated_at","op":"remove","old":"2026-11-30T15:29:57.659011913Z"}]','');
INSERT INTO audit_entries VALUES (13,X'01A22D13BBEE75689D43119F6DAACE51',1,1796052597742355,'','','','u1','Ada','ada@example.com','ada@example.com','execute','success','articles','','s','','','','','','','','','01a22d13-bbee-7382-a889-e5e1fcb625b8','','','',X'39DF8F158C02623386609112CD3605FE','','ADAADA@EXAMPLE.COMEXECUTE','','{"rows":0,"statement":"UPDATE articles SET price = ? WHERE slug = ?","verb":"UPDATE"}');
INSERT INTO audit_entries VALUES (2,X'01A22D13BB717469AE16D1C147D6A4D3',1,1796052597617289,'','','','u1','Ada','ada@example.com','ada@example.com','create','success','articles','2','n10012','Two','','','','','','','','01a22d13-bb6f-74e2-ae19-4739237bc399','','','',X'9FEE8C4CB28D0AE84D74B109C97D54F5','idtitleslugpricepublishedpasswordcreated_atupdated_at','ADAADA@EXAMPLE.COMTWO2CREATE','[{"field":"id","op":"add","new":2},{"field":"title","op":"add","new":"Two"},{"field":"slug","op":"add","new":"two"},{"field":"price","op":"add","new":0},{"field":"published","op":"add","new":false},{"field":"password","op":"add","new":"[masked]","redacted":"masked"},{"field":"created_at","op":"add","new":"2026-11-30T15:29:57.615355573Z"},{"field":"updated_at","op":"add","new":"2026-11-30T15:29:57.615355573Z"}]','');
INSERT INTO audit_entries VALUES (3,X'01A22D13BB71746D8844B015F94A3005',1,1796052597617290,'','','','u1','Ada','ada@example.com','ada@example.com','create','success','articles','3','n10013','Drei ß','','','','','','','','01a22d13-bb6f-74e2-ae19-4739237bc399','','','',X'604EE183974AE87C0E02064E16B09CEE','idtitleslugpricepublishedpasswordcreated_atupdated_at','ADAADA@EXAMPLE.COMDREI ß3CREATE','[{"field":"id","op":"add","new":3},{"field":"title","op":"add","new":"Drei ß"},{"field":"slug","op":"add","new":"three"},{"field":"price","op":"add","new":0},{"field":"published","op":"add","new":true},{"field":"password","op":"add","new":"[masked]","redacted":"masked"},{"field":"created_at","op":"add","new":"2026-11-30T15:29:57.615355573Z"},{"field":"updated_at","op":"add","new":"2026-11-30T15:29:57.615355573Z"}]','');
INSERT INTO audit_entries VALUES (4,X'01A22D13BB797E37B16504FDE47624EA',1,1796052597625932,'','','','u1','Ada','ada@example.com','ada@example.com','update','success','articles','1','n10011','One','','','','','','','','01a22d13-bb75-7b1d-bcb0-8adfbe7038da','','','',X'BD48FE333FDF8F105EFB8F98EB1DBF67','pricepublishedupdated_at','ADAADA@EXAMPLE.COMONE1UPDATE','[{"field":"price","op":"replace","old":9.5,"new":10.25},{"field":"published","op":"replace","old":false,"new":true},{"field":"updated_at","op":"replace","old":"2026-11-30T15:29:57.615355573Z","new":"2026-11-30T15:29:57.621794251Z"}]','');
INSERT INTO audit_entries VALUES (5,X'01A22D13BB8A7152BE1A22468769FDFC',1,1796052597642087,'','','','u1','Ada','ada@example.com','ada@example.com','update','success','articles','1','n10011','One','','','','','','','','01a22d13-bb89-72e6-a02e-a64bd9312a6f','','','',X'AECE7D4DFACC986FFAFFE9AEA6FF048B','tagstags[2]settingssettings.themeupdated_at','ADAADA@EXAMPLE.COMONE1UPDATE','[{"field":"tags[2]","op":"add","new":"c"},{"field":"settings.theme","op":"replace","old":"dark","new":"light"},{"field":"updated_at","op":"replace","old":"2026-11-30T15:29:57.621794251Z","new":"2026-11-30T15:29:57.641413087Z"}]','');
INSERT INTO audit_entries VALUES (6,X'01A22D13BB9472FBB605028CFE30D962',1,1796052597652196,'','','','u1','Ada','ada@example.com','ada@example.com','destroy','success','articles','2','n10012','Two','','','','','','','','01a22d13-bb91-7e82-91eb-7c91c8479ec4','','','',X'6C181F9714603BABF14BB027AC1708F8','deleted_at','ADAADA@EXAMPLE.COMTWO2DESTROY','[{"field":"deleted_at","op":"replace","old":null,"new":"2026-11-30T15:29:57.649975577Z"}]','');
INSERT INTO audit_entries VALUES (7,X'01A22D13BB9F78C885DA31A51BBFB9B8',1,1796052597663576,'','','','u1','Ada','ada@example.com','ada@example.com','restore','success','articles','2','n10012','Two','','','','','','','','01a22d13-bb9a-7efc-94e8-51eb03acb13e','','','',X'1C5A27C46FD697BEE545A818E488C868','updated_atdeleted_at','ADAADA@EXAMPLE.COMTWO2RESTORE','[{"field":"updated_at","op":"replace","old":"2026-11-30T15:29:57.615355573Z","new":"2026-11-30T15:29:57.659011913Z"},{"field":"deleted_at","op":"replace","old":"2026-11-30T15:29:57.649975577Z","new":null}]','');
INSERT INTO audit_entries VALUES (8,X'01A22D13BBBE79D68F1B6E47D4E87DA8',1,1796052597694645,'','','','u1','Ada','ada@example.com','ada@example.com','update','success','articles','3','n10013','Drei ß','','','','','','','','01a22d13-bbbd-7e5a-9385-25e1989fb785','','','',X'9B66EC8BB62FD31A9521DFFCFDE138A4','priceupdated_at','ADAADA@EXAMPLE.COMDREI ß3UPDATE','[{"field":"price","op":"replace","old":0,"new":1},{"field":"updated_at","op":"replace","old":"2026-11-30T15:29:57.615355573Z","new":"2026-11-30T15:29:57.693987477Z"}]','');
INSERT INTO audit_entries VALUES (9,X'01A22D13BBBE7D2EAC875D31E11DEA11',1,1796052597694864,'','','','u1','Ada','ada@example.com','ada@example.com','update','success','articles','3','n10013','Drei ß','','','','','','','','01a22d13-bbbd-7e5a-9385-25e1989fb785','','','',X'B7F09A727804AC74F228FD5D8F8021BB','priceupdated_at','ADAADA@EXAMPLE.COMDREI ß3UPDATE','[{"field":"price","op":"replace","old":1,"new":3},{"field":"updated_at","op":"replace","old":"2026-11-30T15:29:57.693987477Z","new":"2026-11-30T15:29:57.694677597Z"}]','');
INSERT INTO audit_entries_schema VALUES (1,'2026-11-30T15:29:57Z');
INSERT INTO audit_entries_schema VALUES (2,'2026-11-30T15:29:57Z');
INSERT INTO audit_entries_schema VALUES (3,'2026-11-30T15:29:57Z');
INSERT INTO audit_entries_values_upto VALUES (1,0,'sqlite:0',0);
CREATE INDEX "audit_entries_action" ON "audit_entries" (tenant, action, time, id);
CREATE INDEX "audit_entries_actor" ON "audit_entries" (tenant, actor_id, time, id) WHERE actor_id <> '';
CREATE INDEX "audit_entries_facet" ON "audit_entries" (tenant, project, object_product, actor_type, outcome);
CREATE INDEX "audit_entries_ip" ON "audit_entries" (tenant, ip_key, time, id);
CREATE INDEX "audit_entries_object" ON "audit_entries" (tenant, object_key, time, id, object_type);
CREATE INDEX "audit_entries_outcome" ON "audit_entries" (tenant, outcome, time, id) WHERE outcome <> 'success';
CREATE INDEX "audit_entries_project" ON "audit_entries" (tenant, project, time, id) WHERE project <> '';
CREATE INDEX "audit_entries_request" ON "audit_entries" (request_id, time, id) WHERE request_id <> '';
CREATE INDEX "audit_entries_tenant" ON "audit_entries" (tenant, time, id);
CREATE INDEX "audit_entries_time" ON "audit_entries" (time, id);
CREATE INDEX "audit_entries_transaction" ON "audit_entries" (transaction_id, time, id) WHERE transaction_id <> '';
CREATE INDEX "audit_entries_type" ON "audit_entries" (tenant, object_type, time, id);
CREATE INDEX "audit_entries_user" ON "audit_entries" (tenant, actor_user, time, id);
CREATE INDEX "audit_entries_values_tenant" ON "audit_entries_values" (tenant, facet, value);
CREATE UNIQUE INDEX `idx_articles_slug` ON `articles`(`slug`);
