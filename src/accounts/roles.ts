/** Roles: what a member of an organization may do. This table is the only place that says so. */

export const roles = ['owner', 'admin', 'member', 'viewer'] as const

export type Role = (typeof roles)[number]

export type Right =
  /** Look at everything within reach but secrets: showing a password or a token takes `write`. */
  | 'read'
  /** Work within reach: domains, mailboxes, messages, API keys of one workspace. */
  | 'write'
  /** What is the whole organization's: workspaces made and deleted, API keys that reach all of them. */
  | 'manage_organization'
  /** Members and invitations, but owners. */
  | 'manage_members'
  /** Owners made, changed and removed. */
  | 'manage_owners'

const rights: Readonly<Record<Role, readonly Right[]>> = {
  owner: ['read', 'write', 'manage_organization', 'manage_members', 'manage_owners'],
  admin: ['read', 'write', 'manage_organization', 'manage_members'],
  member: ['read', 'write'],
  viewer: ['read'],
}

export function may(role: Role, right: Right): boolean {
  return rights[role].includes(right)
}

/** Whether members of this role may be bound to some workspaces. Who manages the organization reaches all of them. */
export function isBindable(role: Role): boolean {
  return !may(role, 'manage_organization')
}
