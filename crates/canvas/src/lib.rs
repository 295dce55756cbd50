//! Many people edit one campaign canvas at once
