/** For tests of roles: people who are members, and logged in. */
import { insertMember } from '../accounts/memberships.ts'
import { hashPassword } from '../accounts/passwords.ts'
import type { Role } from '../accounts/roles.ts'
import { createSession } from '../accounts/sessions.ts'
import { insertUser } from '../accounts/users.ts'
import { transaction } from '../platform/database.ts'
import type { TestPlatform } from './test-platform.ts'

export type TestMember = { id: string; email: string; password: string /** Of a session. */; key: string }

const password = 'a password of a member'
const passwordHash = hashPassword(password)
let made = 0

/** @param organizationId the bootstrap's, if nothing is said. */
export async function loggedIn(
  { platform, scope }: Pick<TestPlatform, 'platform' | 'scope'>,
  role: Role,
  {
    workspaceIds = null,
    organizationId = scope.organizationId,
  }: { workspaceIds?: readonly string[] | null; organizationId?: string } = {},
): Promise<TestMember> {
  const email = `${role}${++made}@people.example`
  const hash = await passwordHash
  const id = await transaction(platform.db, async (tx) => {
    const user = await insertUser(platform, tx, organizationId, { email, name: null, passwordHash: hash })
    await insertMember(platform, tx, { organizationId, userId: user.id, role, workspaceIds })
    return user.id
  })
  const { token } = await createSession(platform, email, password, '127.0.0.1')
  return { id, email, password, key: token }
}
