/** What clients say of identities: of new ones, and of changes. */
import { type Static, Type } from 'typebox'
import { Refusal } from '../../platform/errors.ts'
import { FilterMode, type FilterModes } from './filter-modes.ts'
import { orNull } from './schemas.ts'

const DisplayName = Type.String({ maxLength: 255 })
const Description = orNull(Type.String({ maxLength: 2000 }))
const Handle = Type.String({
  minLength: 3,
  maxLength: 63,
  pattern: '^@?[a-z0-9](?:-?[a-z0-9])*$',
  description: 'Lower-case letters, digits and single hyphens; an at sign before it is dropped.',
})

export const NewIdentityBody = Type.Object({
  agent_handle: Handle,
  display_name: Type.Optional(orNull(DisplayName)),
  description: Type.Optional(Description),
  mailbox: Type.Optional(
    orNull(
      Type.Object({
        email_local_part: Type.Optional(orNull(Type.String({ minLength: 1, maxLength: 64 }))),
        sending_domain: Type.Optional(orNull(Type.String({ minLength: 1, maxLength: 255 }))),
        display_name: Type.Optional(orNull(DisplayName)),
      }),
    ),
  ),
})

export type NewIdentityRequest = Static<typeof NewIdentityBody>

export const IdentityChangesBody = Type.Object({
  agent_handle: Type.Optional(Handle),
  display_name: Type.Optional(orNull(DisplayName)),
  description: Type.Optional(Description),
  status: Type.Optional(Type.Union([Type.Literal('active'), Type.Literal('paused')])),
  mail_filter_mode: Type.Optional(FilterMode),
  mail_inbound_filter_mode: Type.Optional(FilterMode),
  mail_outbound_filter_mode: Type.Optional(FilterMode),
  phone_filter_mode: Type.Optional(FilterMode),
  phone_inbound_filter_mode: Type.Optional(FilterMode),
  phone_outbound_filter_mode: Type.Optional(FilterMode),
  imessage_filter_mode: Type.Optional(FilterMode),
  imessage_number_id: Type.Optional(orNull(Type.String({ maxLength: 100 }))),
  imessage_number_type: Type.Optional(Type.String({ maxLength: 100 })),
  claim_imessage_number: Type.Optional(Type.Boolean()),
})

export type IdentityChangesRequest = Static<typeof IdentityChangesBody>

/** At most 63 characters, the at sign counted; at least three without it. @throws Refusal invalid_request. */
export function requireHandleLength(text: string): string {
  const handle = text.replace(/^@/, '')
  if (handle.length >= 3) return handle
  throw new Refusal('invalid_request', undefined, {
    fields: [{ pointer: '/agent_handle', detail: 'must have at least 3 characters' }],
  })
}

/** Whether it changes a filter mode of any channel, which is not for agents. */
export function changesModes(body: IdentityChangesRequest): boolean {
  return Object.entries(body).some(([name, value]) => name.endsWith('_filter_mode') && value !== undefined)
}

/** @returns the modes of mail that are to change. @throws Refusal invalid_request for a common mode beside one of a direction. */
export function mailModesOf({
  mail_filter_mode: both,
  mail_inbound_filter_mode: inbound,
  mail_outbound_filter_mode: outbound,
}: IdentityChangesRequest): Partial<FilterModes> {
  if (both !== undefined && (inbound !== undefined || outbound !== undefined)) {
    throw invalid('mail_filter_mode', 'goes together with no mode of one direction')
  }
  return {
    ...((inbound ?? both) === undefined ? {} : { inbound: inbound ?? both }),
    ...((outbound ?? both) === undefined ? {} : { outbound: outbound ?? both }),
  }
}

const phoneModes = ['phone_filter_mode', 'phone_inbound_filter_mode', 'phone_outbound_filter_mode'] as const

/** What can be changed only at a number, and no identity here has one. @throws Refusal invalid_request. */
export function requireNoNumbers(body: IdentityChangesRequest): void {
  for (const name of phoneModes) {
    if (body[name] !== undefined) throw invalid(name, 'needs a phone number, and the identity has none')
  }
  const claims =
    body.claim_imessage_number === true ||
    body.imessage_number_type !== undefined ||
    typeof body.imessage_number_id === 'string'
  if (claims) throw invalid('claim_imessage_number', 'needs iMessage, which is not enabled on this server')
}

function invalid(name: string, detail: string): Refusal {
  return new Refusal('invalid_request', undefined, { fields: [{ pointer: `/${name}`, detail }] })
}
