/** The schema of what a mailbox has written and not sent: drafts, and messages that wait for their time. */
import { type Migrations, sqlMigration } from '../../platform/migrations.ts'

export const unsentMigrations: Migrations = {
  '0045_drafts_and_scheduled': sqlMigration(
    `create table drafts (
      mailbox_id uuid not null,
      id uuid not null,
      message_id uuid not null,
      send_at timestamptz,
      answers_message_id uuid,
      answers_kind text check (answers_kind in ('reply', 'forward')),
      created_at timestamptz not null,
      primary key (mailbox_id, id),
      unique (mailbox_id, message_id)
    )`,
    `create table scheduled_messages (
      mailbox_id uuid not null,
      id uuid not null,
      organization_id uuid not null,
      workspace_id uuid not null,
      message_id uuid not null,
      body_id uuid not null,
      header_message_id text not null,
      envelope jsonb not null,
      subject text not null,
      send_at timestamptz not null,
      next_attempt_at timestamptz not null,
      last_problem text,
      is_approved boolean not null,
      created_at timestamptz not null,
      primary key (mailbox_id, id)
    )`,
    'create index scheduled_messages_due on scheduled_messages (next_attempt_at)',
  ),
}
