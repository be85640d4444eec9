/** The tables, events and jobs of setups. */
import type { Generated } from 'kysely'
import { type Migrations, sqlMigration } from '../../platform/migrations.ts'
import type { PlatformName } from '../platforms.ts'

export const setupStates = ['running', 'completed', 'failed'] as const
export type SetupState = (typeof setupStates)[number]

export type SetupsTable = {
  id: string
  organization_id: string
  workspace_id: string
  /** failed: nothing of it came about. */
  state: SetupState
  /** In whose form its mailboxes are exported as a file; null: not as a file. */
  file_platform: PlatformName | null
  created_at: Date
  completed_at: Generated<Date | null>
}

export type SetupDomainsTable = {
  setup_id: string
  position: number
  workspace_id: string
  domain_id: string
  name: string
  /** Null: the workspace had it already. */
  order_id: string | null
  /** Made once all its mailboxes are there or have failed. */
  export_ids: Generated<string[]>
  /** When nothing is left to begin for it. */
  settled_at: Generated<Date | null>
  /** Why its mailboxes could not be exported. */
  problem: Generated<string | null>
}

export type SetupMailboxesTable = {
  setup_id: string
  position: number
  domain_id: string
  mailbox_id: string
  address: string
  /** Where it is brought to; null: nowhere, or into a file. */
  sequencer_id: string | null
}

declare module '../../platform/database.ts' {
  interface Tables {
    setups: SetupsTable
    setup_domains: SetupDomainsTable
    setup_mailboxes: SetupMailboxesTable
  }
}

declare module '../../platform/events.ts' {
  interface EventTypes {
    'setup.created': { setup_id: string; domains: string[]; mailboxes: number }
    'setup.completed': { setup_id: string; state: SetupState }
  }
}

declare module '../../platform/jobs.ts' {
  interface JobTypes {
    /** Exports what has come about since, and ends what is done. */
    'setups.advance': Record<string, never>
  }
}

export const setupsMigrations: Migrations = {
  '0063_setups': sqlMigration(
    `create table setups (
      id uuid primary key,
      organization_id uuid not null references organizations,
      workspace_id uuid not null references workspaces on delete cascade,
      state text not null check (state in ('running', 'completed', 'failed')),
      file_platform text,
      created_at timestamptz not null,
      completed_at timestamptz
    )`,
    'create index setups_workspace on setups (workspace_id, id)',
    "create index setups_running on setups (id) where state = 'running'",
    `create table setup_domains (
      setup_id uuid not null references setups on delete cascade,
      position integer not null,
      workspace_id uuid not null references workspaces on delete cascade,
      domain_id uuid not null references domains on delete cascade,
      name text not null,
      order_id uuid,
      export_ids uuid[] not null default '{}',
      settled_at timestamptz,
      problem text,
      primary key (setup_id, domain_id)
    )`,
    'create index setup_domains_name on setup_domains (workspace_id, name, setup_id)',
    'create index setup_domains_domain on setup_domains (domain_id)',
    `create table setup_mailboxes (
      setup_id uuid not null references setups on delete cascade,
      position integer not null,
      domain_id uuid not null,
      mailbox_id uuid not null,
      address text not null,
      sequencer_id uuid,
      primary key (setup_id, mailbox_id)
    )`,
  ),
}
