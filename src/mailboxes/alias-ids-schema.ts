/** The schema of aliases' ids: an alias is known by its address, and by an id that faces need whose callers keep ids. */
import { type Migrations, sqlMigration } from '../platform/migrations.ts'

export const aliasIdsMigrations: Migrations = {
  '0053_alias_ids': sqlMigration(
    'alter table addresses add column alias_id uuid, add column alias_updated_at timestamptz',
    `update addresses set alias_id = gen_random_uuid() where kind = 'alias'`,
    `alter table addresses add constraint addresses_alias_id_check check (kind <> 'alias' or alias_id is not null)`,
    `create function give_alias_id() returns trigger language plpgsql as $$
      begin
        new.alias_id := gen_random_uuid();
        return new;
      end $$`,
    // Only aliases pay for it: a mailbox's own address, of which thousands are made in one statement, does not.
    `create trigger addresses_alias_id before insert or update of kind on addresses
      for each row when (new.kind = 'alias' and new.alias_id is null) execute function give_alias_id()`,
    'create unique index addresses_alias_id on addresses (alias_id) where alias_id is not null',
    `create index addresses_aliases on addresses (workspace_id, created_at, alias_id) where kind = 'alias'`,
  ),
}
