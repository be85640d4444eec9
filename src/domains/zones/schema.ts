/** The schema of served zones. */
import { type Migrations, sqlMigration } from '../../platform/migrations.ts'

export const zonesMigrations: Migrations = {
  '0032_zone_fingerprint': sqlMigration(
    // One row: what zones are made of beside their domains' rows, and the serial of its last change.
    `create table zone_fingerprint (
      one boolean primary key default true check (one),
      fingerprint text not null,
      serial bigint not null
    )`,
  ),
}
