/** The table of the login guard. Its migration is that of app passwords, which came with it. */
export const loginGuardStatements: readonly string[] = [
  `create table login_guards (
    subject text collate "C" primary key,
    account text collate "C",
    network text,
    failures integer not null,
    recent integer[] not null,
    last_failure_at timestamptz not null,
    locked_until timestamptz
  )`,
  'create index login_guards_account on login_guards (account) where account is not null',
  'create index login_guards_last_failure_at on login_guards (last_failure_at)',
]
