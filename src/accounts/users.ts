/** Users: people who log in with an e-mail address and a password. */
import type { Tx } from '../platform/database.ts'
import { appendEvents } from '../platform/events.ts'
import { newId } from '../platform/ids.ts'
import type { Platform } from '../platform/platform.ts'
import { hashPassword } from './passwords.ts'

export type User = { id: string; email: string }

/** Makes a user and its membership. The hash is slow by design: never call this in a loop of many. */
export async function createUser(
  platform: Platform,
  tx: Tx,
  wanted: { organizationId: string; email: string; password: string; role: 'owner' | 'member' },
): Promise<User> {
  const user = { id: newId(), email: wanted.email.toLowerCase() }
  const createdAt = platform.clock.now()
  await tx
    .insertInto('users')
    .values({
      ...user,
      name: null,
      password_hash: await hashPassword(wanted.password),
      created_at: createdAt,
    })
    .execute()
  await tx
    .insertInto('members')
    .values({
      organization_id: wanted.organizationId,
      user_id: user.id,
      role: wanted.role,
      created_at: createdAt,
    })
    .execute()
  await appendEvents(platform, tx, [
    {
      type: 'user.created',
      organizationId: wanted.organizationId,
      workspaceId: null,
      data: { user_id: user.id },
    },
  ])
  return user
}
