/** Names, usernames and pictures of mailboxes changed: each mailbox by itself, and what could not be done is told of each. */
import { type Static, Type } from 'typebox'
import { requireWorkspace, requireWrite, type Scope } from '../../accounts/principals.ts'
import type { Caller } from '../../mailboxes/callers.ts'
import { chooseMailboxes } from '../../mailboxes/mailbox-sets.ts'
import { updateMailbox } from '../../mailboxes/mailboxes.ts'
import { namesChanged } from '../../mailboxes/person-names.ts'
import { requirePictureRight, setPicture } from '../../mailboxes/pictures.ts'
import { addPicturesFromUrls, pictureUrlLengthMax } from '../../mailboxes/pictures-from-urls.ts'
import { renameMailbox } from '../../mailboxes/rename.ts'
import type { Mailbox } from '../../mailboxes/tables.ts'
import type { Tx } from '../../platform/database.ts'
import { Refusal } from '../../platform/errors.ts'
import type { Api } from '../../platform/http/app.ts'
import type { Platform } from '../../platform/platform.ts'
import { callerOf } from '../callers.ts'
import { transact } from '../transact.ts'
import { nameParts, pictureAddress } from './mailbox-view.ts'
import { tags } from './mailboxes.ts'
import { NameInput, requireUsername, UsernameInput } from './mailboxes-create.ts'
import { DataOf, dataOf, errors, Id } from './schemas.ts'

/** Of one call, counted as mailboxes. */
const updatedMax = 200

const UpdateInput = Type.Object({
  mailboxId: Type.Optional(Id),
  domainId: Type.Optional(Type.String({ maxLength: 100, description: 'For all mailboxes of the domain.' })),
  userId: Type.Optional(Type.String({ maxLength: 100, description: 'Names no mailboxes here.' })),
  firstName: Type.Optional(NameInput),
  lastName: Type.Optional(NameInput),
  username: Type.Optional(UsernameInput),
  profilePicture: Type.Optional(
    Type.String({
      maxLength: pictureUrlLengthMax,
      pattern: '^[^\\u0000-\\u001f\\u007f]*$',
      description: 'A URL, from which it is fetched once.',
    }),
  ),
  removeProfilePicture: Type.Optional(Type.Boolean()),
})

type Update = Static<typeof UpdateInput>

const OutcomeView = Type.Object({
  mailboxId: Type.String(),
  profileUrl: Type.String({ description: 'Where the picture will be; empty where none was sent.' }),
  failureDetails: Type.Array(Type.String()),
})

export function mailboxUpdateRoutes(app: Api, platform: Platform): void {
  app.put(
    '/v2/mailboxes',
    {
      schema: {
        summary: 'Change names, usernames and pictures of mailboxes',
        description:
          'Each mailbox is changed as a whole or not at all, and `failureDetails` says why not. Pictures are fetched afterwards.',
        tags,
        body: Type.Object({ mailboxData: Type.Array(UpdateInput, { minItems: 1, maxItems: updatedMax }) }),
        response: { 200: DataOf(Type.Array(OutcomeView)), ...errors() },
      },
    },
    async (request) => {
      const caller = callerOf(request)
      requireWrite(caller.scope)
      const wanted = await readUpdates(platform, caller.scope, request.body.mailboxData)
      const outcomes: Static<typeof OutcomeView>[] = []
      for (const one of wanted) outcomes.push(await outcomeOf(platform, caller, one))
      return dataOf('User details changes are in progress', outcomes)
    },
  )
}

type Wanted = { mailbox: Mailbox; update: Update }

/** @throws Refusal invalid_request, mailbox_not_found, domain_not_found, address_invalid, forbidden. */
async function readUpdates(platform: Platform, scope: Scope, updates: readonly Update[]): Promise<Wanted[]> {
  const chosen = await chooseMailboxes(
    platform.db,
    scope,
    {
      mailboxIds: updates.flatMap(({ mailboxId }) => mailboxId ?? []),
      domainIds: updates.flatMap(({ mailboxId, domainId }) =>
        mailboxId === undefined ? (domainId ?? []) : [],
      ),
    },
    updatedMax,
  )
  const wanted = updates.flatMap((update) => {
    if (update.username !== undefined) requireUsername(update.username)
    return mailboxesOf(chosen, update).map((mailbox) => ({ mailbox, update }))
  })
  if (wanted.length > updatedMax)
    throw new Refusal('invalid_request', `More than ${updatedMax} mailboxes in one call.`)
  return wanted
}

function mailboxesOf(chosen: readonly Mailbox[], { mailboxId, domainId, username }: Update): Mailbox[] {
  if (mailboxId !== undefined) return chosen.filter(({ id }) => id === mailboxId.toLowerCase())
  if (domainId === undefined) {
    throw new Refusal('invalid_request', 'Each of mailboxData must have a mailboxId or a domainId.')
  }
  if (username !== undefined) {
    throw new Refusal('invalid_request', 'A username is of one mailbox: name it by its mailboxId.')
  }
  return chosen.filter((mailbox) => mailbox.domain_id === domainId.toLowerCase())
}

async function outcomeOf(
  platform: Platform,
  caller: Caller,
  { mailbox, update }: Wanted,
): Promise<Static<typeof OutcomeView>> {
  const hasPicture = (update.profilePicture ?? '') !== ''
  try {
    if (hasPicture) await requirePictureRight(platform, caller.scope, mailbox.id)
    await transact(platform, caller, (tx) => applyUpdate(platform, tx, caller.scope, mailbox, update))
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    return { mailboxId: mailbox.id, profileUrl: '', failureDetails: [error.detail] }
  }
  const profileUrl = hasPicture ? pictureAddress(platform, mailbox.id) : ''
  return { mailboxId: mailbox.id, profileUrl, failureDetails: [] }
}

async function applyUpdate(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  before: Mailbox,
  { firstName, lastName, username, profilePicture: url = '', removeProfilePicture = false }: Update,
): Promise<void> {
  const { id } = before
  if (firstName !== undefined || lastName !== undefined) {
    const names = {
      ...(firstName === undefined ? {} : { first: firstName }),
      ...(lastName === undefined ? {} : { last: lastName }),
    }
    await updateMailbox(platform, tx, scope, id, namesChanged(before, names), null)
  }
  if (username !== undefined) {
    requireWorkspace(scope)
    const address = `${username}@${nameParts(before.address).domain}`
    await renameMailbox(platform, tx, scope, id, { address })
  }
  if (url !== '') await addPicturesFromUrls(tx, scope, [{ mailboxId: id, url }])
  else if (removeProfilePicture && before.picture_sha256 !== null) {
    await setPicture(platform, tx, scope, id, null)
  }
}
