/** The schema of what domains serve over HTTP, and of the challenges that DNS answers. */
import { type Migrations, sqlMigration } from '../platform/migrations.ts'

export const webMigrations: Migrations = {
  '0031_web_names': sqlMigration(
    'alter table domains add column mta_sts_withdrawn_at timestamptz',
    'create index domains_mta_sts_withdrawn_at on domains (mta_sts_withdrawn_at) where mta_sts_withdrawn_at is not null',
    // Here, and not in a function, so that whoever changes a setting cannot forget what follows from it.
    `create function domains_web_settings_changed() returns trigger language plpgsql as $$
      begin
        if new.mta_sts_mode is distinct from old.mta_sts_mode then
          new.mta_sts_withdrawn_at := case when new.mta_sts_mode = 'none' then new.updated_at end;
        end if;
        if (new.redirect_url is null) is distinct from (old.redirect_url is null) or new.state is distinct from old.state then
          new.host_names_checked_at := null;
        end if;
        return new;
      end
    $$`,
    `create trigger domains_web_settings_changed before update of mta_sts_mode, redirect_url, state on domains
      for each row execute function domains_web_settings_changed()`,
    `create table acme_dns_challenges (
      name text not null,
      value text not null,
      domain_id uuid references domains,
      expires_at timestamptz not null,
      primary key (name, value)
    )`,
    'create index acme_dns_challenges_domain on acme_dns_challenges (domain_id)',
    'create index acme_dns_challenges_expires_at on acme_dns_challenges (expires_at)',
  ),
}
