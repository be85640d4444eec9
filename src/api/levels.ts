/** Routes that exist for mailboxes, domains and workspaces alike. */
import { Type } from 'typebox'
import type { ErrorCode } from '../platform/errors.ts'

/** A level as its routes name it; `ref` says what the parameter of the path may be. */
export const levels = [
  {
    scope: 'mailbox',
    path: '/v1/mailboxes/:mailbox',
    tag: 'mailboxes',
    codes: ['mailbox_not_found'],
    ref: 'Its id or its address.',
  },
  {
    scope: 'domain',
    path: '/v1/domains/:domain',
    tag: 'domains',
    codes: ['domain_not_found'],
    ref: 'Its id or its name.',
  },
  {
    scope: 'workspace',
    path: '/v1/workspaces/:workspace',
    tag: 'account',
    codes: [],
    ref: 'Its id.',
  },
] as const satisfies readonly {
  scope: string
  path: string
  tag: string
  codes: readonly ErrorCode[]
  ref: string
}[]

export type RouteLevel = (typeof levels)[number]

/** The parameter is named after the level. */
export function LevelPath({ scope, ref }: RouteLevel) {
  return Type.Unsafe<Record<string, string>>(Type.Object({ [scope]: Type.String({ description: ref }) }))
}

/** What a request to such a route is about. */
export function levelRef({ scope }: RouteLevel, params: Record<string, string>) {
  return { scope, ref: params[scope] ?? '' }
}
