/** Changes of a mailbox: its names, its address, its password and its picture. */
import { type Static, Type } from 'typebox'
import type { Caller } from '../../mailboxes/callers.ts'
import { changePassword } from '../../mailboxes/credentials.ts'
import { lockMailbox, updateMailbox } from '../../mailboxes/mailboxes.ts'
import { namesChanged } from '../../mailboxes/person-names.ts'
import { pictureUrlLengthMax, setPictureFromUrl } from '../../mailboxes/pictures-from-urls.ts'
import { renameMailbox } from '../../mailboxes/rename.ts'
import type { Tx } from '../../platform/database.ts'
import { Refusal } from '../../platform/errors.ts'
import type { Api } from '../../platform/http/app.ts'
import type { Platform } from '../../platform/platform.ts'
import { callerOf } from '../callers.ts'
import { transact } from '../transact.ts'
import { pathUid, requireUid } from './mailbox-uids.ts'
import { closed, DoneView, done, errors, Uid } from './schemas.ts'

const tags = ['Mailboxes']

const Name = Type.String({ maxLength: 200, pattern: '^[^\\u0000-\\u001f\\u007f]*$' })
const LocalPart = Type.String({ minLength: 1, maxLength: 64, description: 'Left of the @.' })

/** Where the mailbox stands in the path or, by paths that have no place for it, in the body. */
const uidField = { uid: Type.Optional(Uid) } as const

const UpdateBody = Type.Object(
  {
    ...uidField,
    first_name: Type.Optional(Name),
    last_name: Type.Optional(Name),
    user_name: Type.Optional(LocalPart),
  },
  closed,
)

const UsernameBody = Type.Object({ ...uidField, new_username: LocalPart }, closed)

const PasswordBody = Type.Object(
  { ...uidField, new_password: Type.String({ minLength: 8, maxLength: 1000 }) },
  closed,
)

const Url = Type.String({ minLength: 1, maxLength: pictureUrlLengthMax })
const PictureBody = Type.Object(
  { ...uidField, url: Type.Optional(Url), profile_pic_url: Type.Optional(Url) },
  closed,
)

export function mailboxChangeRoutes(app: Api, platform: Platform): void {
  for (const path of ['/mailboxes/update', '/mailboxes/:uid/update']) updateRoute(app, platform, path)
  for (const path of ['/mailboxes/:uid/username', '/mailboxes/change-username', '/mailboxes/username']) {
    usernameRoute(app, platform, path)
  }
  for (const path of ['/mailboxes/:uid/password', '/mailboxes/change-password', '/mailboxes/password']) {
    passwordRoute(app, platform, path)
  }
  for (const path of [
    '/mailboxes/:uid/profile-picture',
    '/mailboxes/profile-picture',
    '/mailboxes/update-profile-picture',
  ]) {
    pictureRoute(app, platform, path)
  }
}

const shared = { tags, response: { 200: DoneView, ...errors(400) } } as const

function updateRoute(app: Api, platform: Platform, path: string): void {
  app.post(
    path,
    {
      schema: {
        summary: 'Change the names of a mailbox, or its address',
        description: 'The old address stays an alias for as long as the workspace says.',
        ...shared,
        body: UpdateBody,
      },
    },
    async (request) => {
      const caller = callerOf(request)
      const uid = uidOf(request)
      await transact(platform, caller, (tx) => update(platform, tx, caller, uid, request.body))
      return done('Mailbox updated successfully')
    },
  )
}

async function update(
  platform: Platform,
  tx: Tx,
  { scope }: Caller,
  uid: string,
  { first_name: first, last_name: last, user_name: name }: Static<typeof UpdateBody>,
): Promise<void> {
  const before = await lockMailbox(tx, scope, uid)
  if (first !== undefined || last !== undefined) {
    const names = { ...(first === undefined ? {} : { first }), ...(last === undefined ? {} : { last }) }
    await updateMailbox(platform, tx, scope, uid, namesChanged(before, names), null)
  }
  if (name !== undefined) await rename(platform, tx, { scope }, uid, name)
}

function usernameRoute(app: Api, platform: Platform, path: string): void {
  app.post(
    path,
    {
      schema: {
        summary: 'Change the address of a mailbox within its domain',
        description: 'The old one stays an alias for as long as the workspace says.',
        ...shared,
        body: UsernameBody,
      },
    },
    async (request) => {
      const caller = callerOf(request)
      const uid = uidOf(request)
      const { new_username: name } = request.body
      await transact(platform, caller, (tx) => rename(platform, tx, caller, uid, name))
      return done('Username changed successfully')
    },
  )
}

async function rename(
  platform: Platform,
  tx: Tx,
  { scope }: Pick<Caller, 'scope'>,
  uid: string,
  name: string,
): Promise<void> {
  const { address } = await lockMailbox(tx, scope, uid)
  const domain = address.slice(address.lastIndexOf('@'))
  await renameMailbox(platform, tx, scope, uid, { address: name + domain })
}

function passwordRoute(app: Api, platform: Platform, path: string): void {
  app.post(
    path,
    {
      schema: {
        summary: 'Change the password of a mailbox',
        description: 'Open IMAP and POP3 sessions end.',
        ...shared,
        body: PasswordBody,
      },
    },
    async (request) => {
      const caller = callerOf(request)
      const uid = uidOf(request)
      const { new_password: password } = request.body
      await transact(platform, caller, (tx) => changePassword(platform, tx, caller.scope, uid, password))
      return done('Password changed successfully')
    },
  )
}

function pictureRoute(app: Api, platform: Platform, path: string): void {
  app.post(
    path,
    {
      schema: {
        summary: 'Set the picture of a mailbox from a URL',
        description: 'It is fetched before this answers, from addresses on the internet alone.',
        ...shared,
        body: PictureBody,
      },
    },
    async (request) => {
      const uid = uidOf(request)
      const { url, profile_pic_url: older } = request.body
      const wanted = url ?? older
      if (wanted === undefined) throw new Refusal('invalid_request', 'url is required')
      await setPictureFromUrl(platform, callerOf(request).scope, uid, wanted)
      return done('Profile picture updated successfully')
    },
  )
}

/** @throws Refusal invalid_request where none is named; mailbox_not_found for what is no uid. */
function uidOf({ params, body }: { params: unknown; body: { uid?: string } }): string {
  const uid = pathUid(params) ?? body.uid
  if (uid === undefined) throw new Refusal('invalid_request', 'uid is required')
  return requireUid(uid)
}
