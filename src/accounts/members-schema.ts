/** The schema of members' roles, of invitations to an organization, and of who made a key. */
import { type Migrations, sqlMigration } from '../platform/migrations.ts'

export const membersMigrations: Migrations = {
  '0040_invitations': sqlMigration(
    'alter table members drop constraint members_role_check',
    // Null: all workspaces. Who manages the organization reaches all of them.
    `alter table members add column workspace_ids uuid[] check (cardinality(workspace_ids) > 0),
      add constraint members_role_check check (role in ('owner', 'admin', 'member', 'viewer')),
      add constraint members_bound_check check (workspace_ids is null or role in ('member', 'viewer'))`,
    'create index members_user on members (user_id)',
    'alter table api_keys add column created_by text',
    'create index sessions_user on sessions (user_id, organization_id)',
    `create table invitations (
      id uuid primary key,
      organization_id uuid not null references organizations on delete cascade,
      email text not null,
      role text not null check (role in ('owner', 'admin', 'member', 'viewer')),
      workspace_ids uuid[] check (cardinality(workspace_ids) > 0),
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
