/** What members and invitations have in common in JSON. */
import { type Static, Type } from 'typebox'
import type { MemberChanges } from '../accounts/memberships.ts'
import { roles } from '../accounts/roles.ts'
import { apiLimits } from './limits.ts'
import { closed, Id, Nullable, OneOf } from './schemas.ts'

export const RoleField = OneOf(roles, 'Owners are made by owners only.')

export const WorkspaceIdsField = Type.Optional(
  Nullable(
    Type.Array(Id, { minItems: 1, maxItems: apiLimits.workspacesPerMemberMax }),
    'The workspaces that a member or a viewer is bound to. Null: all of them.',
  ),
)

export const EmailField = Type.String({ minLength: 3, maxLength: 254 })
export const PreviewField = Type.Optional(Type.Boolean({ description: 'Only say what would happen.' }))
export const PreviewQuery = Type.Object({ preview: PreviewField }, closed)

export const MemberChangesBody = Type.Object(
  { role: Type.Optional(RoleField), workspace_ids: WorkspaceIdsField, preview: PreviewField },
  { ...closed, minProperties: 1 },
)

export function toMemberChanges(body: Static<typeof MemberChangesBody>): MemberChanges {
  return {
    ...(body.role === undefined ? {} : { role: body.role }),
    ...(body.workspace_ids === undefined ? {} : { workspaceIds: body.workspace_ids }),
  }
}
