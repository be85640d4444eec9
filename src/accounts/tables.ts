/** The tables of accounts. */
import type { Generated } from 'kysely'
import type { KeyFormat } from './key-formats.ts'
import type { Role } from './roles.ts'

export type OrganizationsTable = { id: string; name: string; created_at: Date }

export type WorkspacesTable = {
  id: string
  organization_id: string
  name: string
  /** The workspace that a request without a workspace header means. One in each organization. */
  is_default: Generated<boolean>
  created_at: Date
  deleted_at: Date | null
}

export type UsersTable = {
  id: string
  email: string
  name: string | null
  /** argon2id in its encoded form (RFC 9106). */
  password_hash: string
  created_at: Date
}

export type MembersTable = {
  organization_id: string
  user_id: string
  role: Role
  /** The workspaces that the member reaches; null: all of the organization's. */
  workspace_ids: Generated<string[] | null>
  created_at: Date
}

export type InvitationsTable = {
  id: string
  organization_id: string
  /** In lower case. */
  email: string
  role: Role
  workspace_ids: string[] | null
  token_sha256: Buffer
  /** `user:ID` or `api_key:ID`. */
  invited_by: string
  expires_at: Date
  accepted_at: Date | null
  revoked_at: Date | null
  created_at: Date
}

export type ApiKeysTable = {
  id: string
  organization_id: string
  /** Null: the key reaches every workspace of its organization. */
  workspace_id: string | null
  /** Set: the key reaches this mailbox only. */
  mailbox_id: string | null
  name: string
  token_sha256: Buffer
  /** The token's beginning, so that people can tell keys apart. */
  token_prefix: string
  access: 'read' | 'write'
  /** The shape of its token (key-formats.ts). */
  format: Generated<KeyFormat>
  /** Of a key in Scaleway's shape: what its clients name it by. */
  access_key: Generated<string | null>
  /** What it is for, in the words of who made it. */
  description: Generated<string | null>
  /** The token's last characters; null: a key of before they were kept. */
  last4: Generated<string | null>
  /** `user:ID` or `api_key:ID`; null: whoever runs the server, or before this was written down. */
  created_by: Generated<string | null>
  expires_at: Date | null
  last_used_at: Date | null
  revoked_at: Date | null
  created_at: Date
}

export type SessionsTable = {
  id: string
  user_id: string
  organization_id: string
  token_sha256: Buffer
  expires_at: Date
  created_at: Date
}

declare module '../platform/database.ts' {
  interface Tables {
    organizations: OrganizationsTable
    workspaces: WorkspacesTable
    users: UsersTable
    members: MembersTable
    invitations: InvitationsTable
    api_keys: ApiKeysTable
    sessions: SessionsTable
  }
}

declare module '../platform/events.ts' {
  interface EventTypes {
    'workspace.created': { workspace_id: string; name: string }
    'workspace.updated': { workspace_id: string; name: string }
    'workspace.deleted': { workspace_id: string }
    'api_key.created': { api_key_id: string; name: string }
    'api_key.revoked': { api_key_id: string }
    /** `remote_address`: from where somebody logged in. */
    'session.created': { session_id: string; user_id: string; remote_address: string }
    'session.ended': { session_id: string }
    'user.created': { user_id: string }
    'user.deleted': { user_id: string }
    'member.added': { user_id: string; role: Role }
    'member.updated': { user_id: string; role: Role }
    'member.removed': { user_id: string }
    'invitation.created': { invitation_id: string; role: Role }
    'invitation.updated': { invitation_id: string; role: Role }
    'invitation.accepted': { invitation_id: string; user_id: string }
    'invitation.revoked': { invitation_id: string }
  }
}
