/** The schema of API keys in vendors' shapes (key-formats.ts). */
import { type Migrations, sqlMigration } from '../platform/migrations.ts'

export const keyFormatsMigrations: Migrations = {
  '0052_key_formats': sqlMigration(
    `alter table api_keys
      add column format text not null default 'mailwright' check (format in ('mailwright', 'scaleway', 'inkbox')),
      add column access_key text unique check (access_key ~ '^SCW[A-Z0-9]{17}$'),
      add constraint api_keys_access_key_check1 check ((access_key is not null) = (format = 'scaleway'))`,
  ),
}
