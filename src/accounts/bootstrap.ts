/**
 * The first start: an organization, its default workspace, an owner and an API key. What the variables do
 * not give is generated, and returned once so that it can be printed.
 */
import { randomBytes } from 'node:crypto'
import { sql } from 'kysely'
import { transaction } from '../platform/database.ts'
import { newId } from '../platform/ids.ts'
import type { Platform } from '../platform/platform.ts'
import { insertApiKey } from './api-keys.ts'
import { apiKeyPrefix, describeToken, newToken, tokenDigest } from './tokens.ts'
import { createUser, personalPasswordProblem } from './users.ts'
import { createWorkspace } from './workspaces.ts'

/** What was made at this start. A secret that came from a variable is null: its owner knows it. */
export type Bootstrapped = {
  apiKey: string | null
  email: string
  password: string | null
}

const defaultEmail = 'admin@localhost'
// Any number that is the same in every node: only one of them may bootstrap.
const bootstrapLock = 7_302_026

/**
 * Makes the first accounts if there are none. A MAILWRIGHT_BOOTSTRAP_API_KEY that is new is added also
 * later, so that a lost key can be replaced by whoever runs the server.
 * @returns null when nothing was made that must be printed.
 */
export async function bootstrap(platform: Platform): Promise<Bootstrapped | null> {
  const { config } = platform
  return await transaction(platform.db, async (tx) => {
    await sql`select pg_advisory_xact_lock(${bootstrapLock}::bigint)`.execute(tx)
    const existing = await tx
      .selectFrom('organizations')
      .select('id')
      .orderBy('created_at')
      .executeTakeFirst()
    const given = config.bootstrapApiKey
    if (existing) {
      if (given !== null) await addGivenKey(platform, tx, existing.id, given)
      return null
    }
    const organizationId = newId()
    const createdAt = platform.clock.now()
    await tx
      .insertInto('organizations')
      .values({ id: organizationId, name: 'Mailwright', created_at: createdAt })
      .execute()
    await createWorkspace(platform, tx, organizationId, { name: 'Default', isDefault: true })
    const token = given === null ? newToken(apiKeyPrefix) : describeToken(given)
    await insertApiKey(platform, tx, organizationId, firstKey, token)
    const password = config.bootstrapPassword ?? randomBytes(18).toString('base64url')
    const email = config.bootstrapEmail ?? defaultEmail
    await createUser(platform, tx, { organizationId, email, password, role: 'owner' })
    // Whoever runs the server may choose as they like: scripts that start it anew go on, and are told.
    const problem = config.bootstrapPassword === null ? null : personalPasswordProblem(password, email)
    if (problem !== null) platform.log.warn({ event: 'accounts.bootstrap_password_weak', problem })
    return {
      apiKey: given === null ? token.token : null,
      email,
      password: config.bootstrapPassword === null ? password : null,
    }
  })
}

const firstKey = {
  name: 'First admin key',
  workspaceId: null,
  mailboxId: null,
  access: 'write',
  expiresAt: null,
} as const

async function addGivenKey(
  platform: Platform,
  tx: Parameters<typeof insertApiKey>[1],
  organizationId: string,
  given: string,
): Promise<void> {
  const known = await tx
    .selectFrom('api_keys')
    .select('id')
    .where('token_sha256', '=', tokenDigest(given))
    .executeTakeFirst()
  if (!known) await insertApiKey(platform, tx, organizationId, firstKey, describeToken(given))
}

/**
 * A key of the whole organization, for whoever runs the server and so needs no key to ask for one. Makes the
 * first accounts if there are none.
 * @returns the token, which is not kept.
 */
export async function createOperatorKey(platform: Platform, name: string): Promise<string> {
  await bootstrap(platform)
  return await transaction(platform.db, async (tx) => {
    const { id } = await tx
      .selectFrom('organizations')
      .select('id')
      .orderBy('created_at')
      .executeTakeFirstOrThrow()
    const token = newToken(apiKeyPrefix)
    await insertApiKey(platform, tx, id, { ...firstKey, name }, token)
    return token.token
  })
}
