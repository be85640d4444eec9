/** /v1/contacts: who domains are registered for. */
import { type Static, Type } from 'typebox'
import { type Contact, createContact, deleteContact, getContact, listContacts } from '../domains/contacts.ts'
import type { Platform } from '../platform/platform.ts'
import { scopeOf } from './caller.ts'
import { mutate } from './mutate.ts'
import { postProblems, readProblems, writeProblems } from './problem-view.ts'
import {
  type Api,
  closed,
  Id,
  Moment,
  Nullable,
  PageOf,
  pageQuery,
  pageRequest,
  pageView,
} from './schemas.ts'

const Line = (maxLength = 100) =>
  Type.String({ minLength: 1, maxLength, pattern: '^[^\\u0000-\\u001f\\u007f]+$' })

const fields = {
  first_name: Line(),
  last_name: Line(),
  organization: Nullable(Line()),
  email: Type.String({ minLength: 3, maxLength: 254, pattern: '^[^\\s@]+@[^\\s@]+$' }),
  phone: Type.String({
    maxLength: 20,
    pattern: '^\\+[0-9]{1,3}\\.[0-9]{4,14}$',
    description: 'As in +49.301234567.',
  }),
  address1: Line(),
  address2: Nullable(Line()),
  city: Line(),
  state: Nullable(Line(), 'State or province, where the country has them.'),
  zip: Line(20),
  country: Type.String({ maxLength: 2, pattern: '^[A-Z]{2}$', description: 'ISO 3166-1 alpha-2.' }),
}

const ContactBody = Type.Object(
  {
    ...fields,
    organization: Type.Optional(fields.organization),
    address2: Type.Optional(fields.address2),
    state: Type.Optional(fields.state),
  },
  closed,
)
const ContactView = Type.Object({ id: Id, ...fields, created_at: Moment }, { title: 'Contact' })
const ContactPath = Type.Object({ contact: Type.String({ description: 'Its id.' }) })
const tags = ['domains']

export function contactRoutes(app: Api, platform: Platform): void {
  app.get(
    '/v1/contacts',
    {
      schema: {
        summary: 'List registrant contacts',
        tags,
        querystring: Type.Object(pageQuery, closed),
        response: { 200: PageOf(ContactView), ...readProblems('invalid_cursor') },
      },
    },
    async (request) =>
      pageView(await listContacts(platform, scopeOf(request), pageRequest(request.query)), contactView),
  )
  app.get(
    '/v1/contacts/:contact',
    {
      schema: {
        summary: 'Get a registrant contact',
        tags,
        params: ContactPath,
        response: { 200: ContactView, ...readProblems('contact_not_found') },
      },
    },
    async (request) => contactView(await getContact(platform, scopeOf(request), request.params.contact)),
  )
  app.post(
    '/v1/contacts',
    {
      schema: {
        summary: 'Create a registrant contact',
        description:
          'Domains are registered for it with `contact_id`. It is not changed afterwards; make another.',
        tags,
        body: ContactBody,
        response: { 201: ContactView, ...postProblems('contact_limit_reached') },
      },
    },
    async (request, reply) =>
      mutate(platform, request, reply, async (tx) => {
        const { organization = null, address2 = null, state = null, ...rest } = request.body
        const data = { ...rest, organization, address2, state }
        const contact = await createContact(platform, tx, scopeOf(request), data)
        return {
          status: 201,
          body: contactView(contact),
          headers: { location: `/v1/contacts/${contact.id}` },
        }
      }),
  )
  app.delete(
    '/v1/contacts/:contact',
    {
      schema: {
        summary: 'Delete a registrant contact',
        description: 'Domains that were registered for it keep it at the registrar.',
        tags,
        params: ContactPath,
        response: { 204: Type.Null(), ...writeProblems('contact_not_found', 'contact_in_use') },
      },
    },
    async (request, reply) =>
      mutate(platform, request, reply, async (tx) => {
        await deleteContact(platform, tx, scopeOf(request), request.params.contact)
        return { status: 204, body: undefined }
      }),
  )
}

function contactView(contact: Contact): Static<typeof ContactView> {
  const {
    organization_id: _organizationId,
    workspace_id: _workspaceId,
    created_at: createdAt,
    ...rest
  } = contact
  return { ...rest, created_at: createdAt.toISOString() }
}
