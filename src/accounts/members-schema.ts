/** The schema of invitations to an organization. */
import { type Migrations, sqlMigration } from '../platform/migrations.ts'

export const membersMigrations: Migrations = {
  '0040_invitations': sqlMigration(
    `create table invitations (
      id uuid primary key,
      organization_id uuid not null references organizations on delete cascade,
      email text not null,
      role text not null,
      workspace_ids uuid[],
      token_sha256 bytea not null unique,
      invited_by text not null,
      expires_at timestamptz not null,
      accepted_at timestamptz,
      revoked_at timestamptz,
      created_at timestamptz not null
    )`,
    'create index invitations_organization on invitations (organization_id, id)',
  ),
}
