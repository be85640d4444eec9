/** Tests of where mail lands at others: not offered, as there are no mailboxes elsewhere to look in. */
import { Type } from 'typebox'
import type { Api } from '../../platform/http/app.ts'
import { errors, Ok, ok } from './schemas.ts'

const None = Type.Array(Type.Object({}), { maxItems: 0 })

export function inboxPlacementRoutes(app: Api): void {
  for (const path of ['/inbox-placement/tests', '/inbox-placement/scheduled']) {
    app.get(
      path,
      {
        schema: {
          summary: 'Not offered: there are none',
          tags: ['Inbox Placement'],
          response: { 200: Ok({ data: None, total: Type.Integer() }), ...errors() },
        },
      },
      () => ok('There are no placement tests here', { data: [], total: 0 }),
    )
  }
}
